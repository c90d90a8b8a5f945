"""Stage 4: predict the test set and measure the predictions."""
