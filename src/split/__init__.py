"""Stage 2: split the data into training and validation sets."""
