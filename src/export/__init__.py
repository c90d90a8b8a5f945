"""Export trained networks for use without this project."""
