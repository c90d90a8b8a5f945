"""What several packages share: parameters, files, metrics, the command-line wrapper, pictures and sprite sheets."""
