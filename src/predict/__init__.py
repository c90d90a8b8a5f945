"""Turn pictures into images like those of the training set, and classify them with an exported model."""
