"""Stage 6: export trained networks for use without this project."""
