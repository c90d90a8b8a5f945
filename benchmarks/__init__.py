"""What the published figures are made with."""
