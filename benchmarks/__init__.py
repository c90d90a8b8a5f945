"""Scripts that produce the published figures."""
