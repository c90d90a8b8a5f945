"""Stage 4: classify the test set and compute metrics."""
