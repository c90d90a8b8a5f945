"""Stage 5, report: the mistakes and the training history -> pictures, and a page to decide from."""

import io
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from src.files import read_bytes, read_csv, write_bytes
from src.page import Chart, report_page
from src.params import PARAMS, Sections, read_params, read_yaml
from src.report import Mistakes, ReportParams, confusion_plot, curves_plot, error_plot, reliability_plot
from src.run import run
from src.tiles import from_sheet

ERRORS = Path("data/evaluate/errors.csv")
ERROR_IMAGES = Path("data/evaluate/errors.png")
PREDICTIONS = Path("data/evaluate/predictions.csv")
METRICS = Path("data/evaluate/metrics.json")
HISTORY = Path("data/train/history.csv")
LAYERS = Path("data/train/layers.csv")
AUGMENTED = Path("data/train/augmented.png")
ENVIRONMENT = Path("data/train/environment.json")
ERROR_PLOT = Path("data/report/errors.png")
CONFUSION_PLOT = Path("data/report/confusion.png")
CURVES_PLOT = Path("data/report/curves.png")
RELIABILITY_PLOT = Path("data/report/reliability.png")
PAGE = Path("data/report/index.html")


class Params(Sections):
    report: ReportParams


def main() -> None:
    params = read_params(Params).report
    rows, history, predictions = read_csv(ERRORS), read_csv(HISTORY), read_csv(PREDICTIONS)
    metrics, environment = (json.loads(read_bytes(path)) for path in (METRICS, ENVIRONMENT))
    sheet = read_bytes(ERROR_IMAGES)
    images = from_sheet(sheet, len(rows))
    members = len(metrics["members"]["accuracy"]) if "members" in metrics else 1
    classes = np.array(list(metrics["recall"]))
    index_of = {name: index for index, name in enumerate(classes)}
    actual, predicted = (np.array([index_of[row[key]] for row in rows], np.int64) for key in ("actual", "predicted"))
    mistakes = Mistakes(images, actual, predicted, np.array([float(row["confidence"]) for row in rows]))
    columns = ("epoch", "train_loss", "validation_loss", "validation_accuracy")
    epochs, train_loss, validation_loss, accuracy = (np.array([float(row[key]) for row in history]) for key in columns)
    confidence = np.array([float(row["confidence"]) for row in predictions])
    right = np.array([row["actual"] == row["predicted"] for row in predictions])

    pictures = {
        ERROR_PLOT: png(error_plot(mistakes, classes, params)),
        CONFUSION_PLOT: png(confusion_plot(mistakes, classes)),
        CURVES_PLOT: png(curves_plot(epochs, train_loss, validation_loss, accuracy, members)),
        RELIABILITY_PLOT: png(reliability_plot(confidence, right)),
    }
    of = f", mean of {members} networks" if members > 1 else ""
    curves = "Losses and validation accuracy" if np.isfinite(accuracy).all() else "Training loss"
    charts = [
        Chart(pictures[CURVES_PLOT], f"{curves} over {len(epochs)} epochs{of}"),
        Chart(pictures[RELIABILITY_PLOT], f"Confidence against share right; error {metrics['calibration_error']:.2%}"),
    ]
    sections = {section: keys for section, keys in read_yaml(PARAMS).items() if isinstance(keys, dict)}
    settings = {f"{section}.{key}": value for section, keys in sections.items() for key, value in keys.items()}
    tile = (images.shape[2], images.shape[3])
    on = any(value for key, value in sections.get("augment", {}).items() if key != "clean_epochs")
    augmented = read_bytes(AUGMENTED) if on else None
    page = report_page(rows, sheet, tile, metrics, charts, augmented, read_csv(LAYERS), settings, environment)
    for path, picture in pictures.items():
        write_bytes(path, picture)
    write_bytes(PAGE, page.encode())
    print(f"report: {min(len(rows), params.max_images):,} of {len(rows):,} mistakes drawn in {ERROR_PLOT}; open {PAGE}")


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


if __name__ == "__main__":
    run(main)
