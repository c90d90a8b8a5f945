"""What DVC runs: one script a stage."""

from src.run import exit_when_interrupted

exit_when_interrupted()  # here, since importing PyTorch takes seconds already
