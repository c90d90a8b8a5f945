"""Tell what pictures of your own show: photos, scans or drawings, each of one character.

The ink is cut out and put into the frame of MNIST's images. Exit code: 1 without a model, or when a picture cannot be
read (the others are told all the same); 2 for wrong usage; otherwise 0.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

import numpy as np

from src.device import choose_device
from src.evaluate import describe_likeliest, predict, vote
from src.files import read_bytes, write_bytes
from src.model import load_networks
from src.params import read_params
from src.picture import prepare, read_picture, resize
from src.tiles import to_sheet
from stages.evaluate import MODEL, Params


def main() -> int:
    arguments = parse()
    try:
        params = read_params(Params).evaluate
        networks = load_networks(read_bytes(MODEL))
        architecture = networks[0].architecture
        to_image = resize if arguments.as_is else prepare
        paths, images = [], []
        for path in arguments.pictures:
            try:
                images.append(to_image(read_picture(path), architecture.image_shape))
                paths.append(str(path))
            except ValueError as error:
                print(f"predict: {path}: {error}", file=sys.stderr)
        if not images:
            return 1
        seen = np.stack(images)
        if arguments.seen:
            write_bytes(arguments.seen, to_sheet(seen))
        device = choose_device(params.device, "evaluate.device")
        predictions = vote(predict(networks, seen, params, device))
    except (ValueError, OSError) as error:
        print(f"predict: {error}", file=sys.stderr)
        return 1
    classes, rows = architecture.classes, predictions.probabilities
    if arguments.json:
        told = [
            {"picture": path, "predicted": classes[index], "probabilities": dict(zip(classes, row, strict=True))}
            for path, index, row in zip(paths, predictions.predicted, rows.tolist(), strict=True)
        ]
        print(json.dumps(told, indent=2))
    else:
        for path, likeliest in zip(paths, describe_likeliest(rows, np.array(classes)), strict=True):
            print(f"{path}  {likeliest}")
    return int(len(images) < len(arguments.pictures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", metavar="PICTURE", type=Path, nargs="+", help="in any format that Pillow reads")
    parser.add_argument(
        "--as-is", action="store_true", help="take the whole picture, only resized: it looks like the training's"
    )
    parser.add_argument("--json", action="store_true", help="print all probabilities as JSON")
    parser.add_argument("--seen", type=Path, metavar="PATH", help="also write a PNG of what the network sees, 20 a row")
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as `| head` expects
    sys.exit(main())
