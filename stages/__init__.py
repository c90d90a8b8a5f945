"""What DVC runs: one module per stage, which `python -m stages NAME` runs."""

import os

# PyTorch's threads busy-wait for each other, by default for so long that training takes forty times as long while other
# programs use the cores. The variable is read when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
