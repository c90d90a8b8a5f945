"""The library behind the stages and tools: one package per stage, and packages for working with the results."""

import os

# Without this, ONNX Runtime sends usage data to its vendor. It reads the variable when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Figures are only written to files. Jupyter sets a backend that may be missing here, and Matplotlib would not load.
os.environ["MPLBACKEND"] = "agg"
