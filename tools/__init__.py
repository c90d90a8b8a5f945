"""Command-line tools for people and continuous integration: python -m tools.<name>."""
