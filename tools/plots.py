"""Print the loss curves and the confusion matrix as Markdown that GitHub renders."""

import argparse
from pathlib import Path

from src.common.cli import run_cli
from src.common.files import read_csv
from src.report.markdown import confusion_markdown, curves_markdown


def main() -> None:
    argparse.ArgumentParser(prog="python -m tools.plots", description=__doc__).parse_args()
    print(curves_markdown(read_csv(Path("data/train/history.csv"))))
    print(confusion_markdown(read_csv(Path("data/evaluate/errors.csv"))))


if __name__ == "__main__":
    run_cli(main)
