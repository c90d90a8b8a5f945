"""Turn a picture into an input image like those of the training set."""
