"""The whole of params.yaml: all sections together, their documentation, and recipes."""
