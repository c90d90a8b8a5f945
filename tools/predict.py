"""Classify pictures with the exported model.

A picture becomes an image for the network in the same way as the training pictures did; for handwriting, it must be
a photo, scan or drawing of one character. Exit code: 1 if there is no model or a picture cannot be read (the others are
still classified), 2 for usage errors, otherwise 0.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from src.common.cli import run_cli
from src.common.errors import UserError
from src.common.files import is_ignored, write_bytes
from src.common.sprites import make_sprite_sheet
from src.common.text import describe_top_classes, show
from src.export.classifier import load_classifier
from src.pictures.reading import read_picture
from tools import make_parser

MODEL = Path("data/export/model.onnx")
# On MNIST's test images, most errors of the default network are among the few images with a lower confidence than this.
UNSURE = 0.95


def main() -> int:
    arguments = parse_arguments()
    classifier = load_classifier(MODEL)
    names, images = [], []
    failed: list[str] = []

    def report(name: str, reason: object) -> None:
        print(f"predict: {show(name)}: {reason}", file=sys.stderr)
        failed.append(name)

    for name in find_pictures(arguments.pictures, report):
        try:
            picture = read_picture(io.BytesIO(sys.stdin.buffer.read()) if name == "-" else name)
            if picture.remark:
                print(f"predict: {show(name)}: {picture.remark}", file=sys.stderr)
            image = classifier.make_input(picture)
            if difference := classifier.compare_with_training(image):
                print(f"predict: {show(name)}: unlike all training pictures: {difference}", file=sys.stderr)
            images.append(image)
            names.append(name)
        except UserError as error:
            report(name, error)
    if not images:
        return 1
    inputs = np.stack(images)
    if arguments.seen:
        write_bytes(arguments.seen, make_sprite_sheet(inputs))
    print_results(names, classifier.predict(inputs), classifier.description.classes, arguments)
    return int(bool(failed))


def find_pictures(arguments: list[str], report: Callable[[str, object], None]) -> Iterator[str]:
    """Yield the arguments, replacing each folder with the files in it, at any depth.

    report: takes the name of a folder or file that cannot be read, and the reason.
    """

    for argument in arguments:
        if not os.path.isdir(argument):  # noqa: PTH112  # Path.is_dir raises an error for names that are too long
            yield argument
            continue
        files = list_folder(argument)
        if not files:
            report(argument, "a folder without files")
        for path, reason in files:
            if reason:
                report(path, reason)
            else:
                yield path


def list_folder(root: str) -> list[tuple[str, str]]:
    """List the files in a folder, at any depth, each with the reason why it cannot be read, or ""."""
    files: list[tuple[str, str]] = []

    def on_error(error: OSError) -> None:
        files.append((error.filename, error.strerror or ""))

    for folder, subfolders, names in os.walk(root, onerror=on_error):
        subfolders[:] = sorted(name for name in subfolders if not is_ignored(name))
        for name in subfolders:
            if (link := Path(folder, name)).is_symlink():
                files.append((str(link), "a link to a folder; only links to files are followed"))
        pictures = {name for name in names if not is_ignored(name)}
        if folder == root:
            pictures.discard("README.md")  # download leaves it out, too
        for name in sorted(pictures):
            path = Path(folder, name)
            is_special = path.exists() and not path.is_file()  # such as a pipe, which could be read for ever
            files.append((str(path), "not a regular file" if is_special else ""))
    return files


def print_results(
    names: list[str], probabilities: np.ndarray, classes: list[str], arguments: argparse.Namespace
) -> None:
    likeliest = describe_top_classes(probabilities, classes, arguments.top or 3)
    confidence, order = probabilities.max(1), np.argsort(-probabilities, axis=1, kind="stable")
    if arguments.json:
        results = [
            {
                "picture": name,
                "predicted": classes[best[0]],
                "probabilities": {classes[index]: round(float(row[index]), 6) for index in best[: arguments.top]},
            }
            for name, row, best in zip(names, probabilities, order, strict=True)
        ]
        print(json.dumps(results, indent=2))
    elif arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("picture", "predicted", "confidence", "likeliest"))
        for name, value, best, text in zip(names, confidence, order, likeliest, strict=True):
            writer.writerow((show(name), classes[best[0]], f"{value:.6f}", text))
    else:
        for name, value, text in zip(names, confidence, likeliest, strict=True):
            print(f"{show(name)}  {text}{'  (unsure)' if value < UNSURE else ''}")


def parse_arguments() -> argparse.Namespace:
    parser = make_parser("predict", __doc__)
    parser.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="+",
        help="PNG, JPEG, BMP, TIFF, WebP or GIF; a folder for all files in it; - for a picture from standard input",
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print JSON, with the probabilities of all classes")
    formats.add_argument("--csv", action="store_true", help="print CSV")
    parser.add_argument(
        "--top", type=positive_number, metavar="N", help="show the N most probable classes (default: 3; JSON: all)"
    )
    parser.add_argument(
        "--seen",
        type=new_file,
        metavar="PATH",
        help="also write a PNG of the network's inputs, 20 per row, to a file that does not exist yet",
    )
    return parser.parse_args()


def positive_number(text: str) -> int:
    """Convert an argument to a number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def new_file(text: str) -> Path:
    """Convert an argument to the path of a file to write, for argparse; refuse to replace a file."""
    if (path := Path(text)).is_file():
        raise argparse.ArgumentTypeError(f"{text} exists; name a new file")
    return path


if __name__ == "__main__":
    run_cli(main)
