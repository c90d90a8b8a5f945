"""Turn a picture of a single character into an input image like those of MNIST."""
