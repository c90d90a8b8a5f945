"""What several packages share: parameters, files, the command-line wrapper and sprite sheets."""
