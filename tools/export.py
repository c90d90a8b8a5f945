"""Write the trained model, an ensemble as one, as an ONNX file that runs without this project and without PyTorch.

It takes `images`, uint8 (N, C, H, W), and gives `probabilities`, float32 (N, K), evaluate.shift included; its metadata
holds the class names, as JSON, in `classes`.
"""

import argparse
import sys
from pathlib import Path

from src.export import to_onnx
from src.files import read_bytes, write_bytes
from src.model import load_networks
from src.params import read_params
from stages.evaluate import MODEL, Params


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", metavar="PATH", type=Path, nargs="?", default="model.onnx", help="default: model.onnx")
    path: Path = parser.parse_args().path
    try:
        networks = load_networks(read_bytes(MODEL))
        write_bytes(path, to_onnx(networks, read_params(Params).evaluate.shift))
    except (ValueError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"export: {len(networks)} network{'s'[: len(networks) > 1]} of {MODEL} in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
