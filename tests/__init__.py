"""The tests."""

import os

# Two workers run the tests, and more threads would wait for each other. Libraries read this when they are imported.
os.environ["OMP_NUM_THREADS"] = "1"
