"""Compare two results, and tell a real change from noise."""
