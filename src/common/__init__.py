"""What several packages share: errors, files and their types, parameters, metrics, text, sprite sheets, and more."""
