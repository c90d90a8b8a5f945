"""Stage 1: fetch a dataset from the first source that has it, and verify it, or read your own."""
