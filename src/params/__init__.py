"""All parameters together, and their documentation."""
