"""Stage 5, report: the mistakes and the training history -> pictures."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from src.files import load_arrays, read_csv, write_bytes
from src.params import Sections, read_params
from src.report import Mistakes, ReportParams, confusion_plot, error_plot, loss_plot
from src.run import run

ERRORS = Path("data/evaluate/errors.csv")
ERROR_IMAGES = Path("data/evaluate/error_images.npz")
HISTORY = Path("data/train/history.csv")
ERROR_PLOT = Path("data/report/errors.png")
CONFUSION_PLOT = Path("data/report/confusion.png")
LOSS_PLOT = Path("data/report/loss.png")


class Params(Sections):
    report: ReportParams


def main() -> None:
    params = read_params(Params).report
    rows, history, data = read_csv(ERRORS), read_csv(HISTORY), load_arrays(ERROR_IMAGES)
    classes = data["classes"]
    index_of = {name: index for index, name in enumerate(classes)}
    actual, predicted = (np.array([index_of[row[key]] for row in rows], np.int64) for key in ("actual", "predicted"))
    confidence = np.array([float(row["confidence"]) for row in rows])
    mistakes = Mistakes(data["images"], actual, predicted, confidence)
    curves = [np.array([float(row[key]) for row in history]) for key in ("epoch", "train_loss", "validation_loss")]
    save(ERROR_PLOT, error_plot(mistakes, classes, params))
    save(CONFUSION_PLOT, confusion_plot(mistakes, classes))
    save(LOSS_PLOT, loss_plot(*curves))
    print(f"report: {min(len(rows), params.max_images):,} of {len(rows):,} mistakes drawn in {ERROR_PLOT}")


def save(path: Path, figure: Figure) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    write_bytes(path, buffer.getvalue())


if __name__ == "__main__":
    run(main)
