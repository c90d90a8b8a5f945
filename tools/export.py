"""Export the trained network, or ensemble, as one ONNX file that runs without this project and without PyTorch.

The input `images` is uint8 (N, C, H, W), the output `probabilities` float32 (N, K). Test-time augmentation
(evaluate.shift) is included. The metadata key `classes` holds the class names as JSON.
"""

import argparse
from pathlib import Path

from src.common.cli import run_cli
from src.common.files import write_bytes
from src.common.params import read_params
from src.export.onnx_model import to_onnx
from src.network.model_file import load_networks
from stages.evaluate import MODEL, Params


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", metavar="PATH", type=Path, nargs="?", default="model.onnx", help="default: model.onnx")
    path: Path = parser.parse_args().path
    networks = load_networks(MODEL)
    write_bytes(path, to_onnx(networks, read_params(Params).evaluate.shift))
    print(f"export: wrote {len(networks)} network{'s'[: len(networks) > 1]} from {MODEL} to {path}")


if __name__ == "__main__":
    run_cli(main)
