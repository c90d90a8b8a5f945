"""Run the code of a model card where nothing but Pillow, NumPy and ONNX Runtime is installed."""

import importlib.metadata
import json
import re
import venv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.helpers import run

PACKAGES = ("numpy", "onnxruntime", "pillow")
# The lines of the model card, as they are, once for every picture.
DRIVER = """\
import json, sys
code = compile(open("classify.py").read(), "classify.py", "exec")
results = []
for path in json.loads(sys.argv[1]):
    sys.argv[1:] = [path]
    variables = {"__name__": "__main__"}
    exec(code, variables)
    results.append(variables["probabilities"].tolist())
print("results", json.dumps(results))
"""


def make_bare_environment(folder: Path) -> Path:
    """Create an environment with these packages alone, linked rather than installed; return its Python."""
    venv.create(folder, with_pip=False)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    for package in PACKAGES:
        files = importlib.metadata.files(package) or []
        for name in {file.parts[0] for file in files} - {".."}:
            source = Path(str(files[0].locate())).parents[len(files[0].parts) - 1] / name
            (site_packages / name).symlink_to(source)
    return folder / "bin/python"


def code_of(document: str) -> str:
    """Return the Python code in a Markdown document."""
    (code,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    return str(code)


def classify(python: Path, code: str, model: Path, pictures: Sequence[Path], folder: Path) -> np.ndarray:
    """Run the code in a folder, beside the model; return the probabilities (N, K) of the pictures."""
    folder.mkdir()
    (folder / "classify.py").write_text(code)
    (folder / "model.onnx").symlink_to(model.resolve())
    paths = json.dumps([str(path.resolve()) for path in pictures])
    output = run(str(python), "-I", "-c", DRIVER, paths, cwd=folder)
    return np.array(json.loads(output.rpartition("results")[2]))
