"""Print the loss curves and the confusion matrix as Markdown that GitHub renders."""

import argparse
from pathlib import Path

from src.common.cli import run_cli
from src.common.files import read_csv
from src.report.markdown import confusion_markdown, curves_markdown


def main() -> None:
    argparse.ArgumentParser(prog="python -m tools.plots", description=__doc__).parse_args()
    history = read_csv(Path("data/train/history.csv"), epoch=int, train_loss=float, validation_loss=float)
    print(curves_markdown(history))
    print(confusion_markdown(read_csv(Path("data/evaluate/errors.csv"), actual=str, predicted=str)))


if __name__ == "__main__":
    run_cli(main)
