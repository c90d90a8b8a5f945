"""Stage 1: fetch and verify a dataset from the first source that has it, or read your own."""
