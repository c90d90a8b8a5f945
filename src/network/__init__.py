"""The convolutional network: its layers, its file, and the device it runs on."""
