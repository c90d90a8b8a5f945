"""Classify your own pictures.

A picture becomes an image for the network in the same way as those that it was trained on; for handwriting, it must be
a photo, scan or drawing of one character. Exit code: 1 if there is no model or a picture cannot be read (the others are
still classified), 2 for usage errors, otherwise 0.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from src.common.cli import run_cli
from src.common.files import write_bytes
from src.common.params import read_params
from src.common.pictures import read_picture
from src.common.sprites import make_sprite_sheet
from src.evaluate.prediction import average_networks, describe_top_classes, predict_probabilities
from src.network.device import choose_device
from src.network.model_file import load_networks
from src.predict.framing import make_input
from stages.evaluate import MODEL, Params

# On MNIST's test images, the default network is wrong in 36 of the 212 that it predicts with less confidence, and in 6
# of the others.
UNSURE = 0.95


def main() -> int:
    arguments = parse_arguments()
    params = read_params(Params).evaluate
    networks = load_networks(MODEL)
    architecture = networks[0].architecture
    paths, images = [], []
    for path in arguments.pictures:
        try:
            images.append(make_input(read_picture(path), architecture.fit, architecture.image_shape))
            paths.append(str(path))
        except ValueError as error:
            print(f"predict: {path}: {error}", file=sys.stderr)
    if not images:
        return 1
    inputs = np.stack(images)
    if arguments.seen:
        write_bytes(arguments.seen, make_sprite_sheet(inputs))
    device = choose_device(params.device, "evaluate.device")
    predictions = average_networks(predict_probabilities(networks, inputs, params, device))
    classes, rows = architecture.classes, predictions.probabilities
    if arguments.json:
        results = [
            {"picture": path, "predicted": classes[index], "probabilities": dict(zip(classes, row, strict=True))}
            for path, index, row in zip(paths, predictions.predicted, rows.tolist(), strict=True)
        ]
        print(json.dumps(results, indent=2))
    else:
        for path, row, top_classes in zip(paths, rows, describe_top_classes(rows, np.array(classes)), strict=True):
            print(f"{path}  {top_classes}{'  (unsure)' if max(row) < UNSURE else ''}")
    return int(len(images) < len(arguments.pictures))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", metavar="PICTURE", type=Path, nargs="+", help="PNG, JPEG, BMP, TIFF, WebP or GIF")
    parser.add_argument("--json", action="store_true", help="print all probabilities as JSON")
    parser.add_argument(
        "--seen", type=Path, metavar="PATH", help="also write a PNG of the network's inputs, 20 per row"
    )
    return parser.parse_args()


if __name__ == "__main__":
    run_cli(main)
