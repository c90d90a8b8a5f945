"""What people and continuous integration run by hand: python -m tools.<name>."""
