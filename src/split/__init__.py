"""Stage 2: choose the rows for training and for validation."""
