"""The report as a whole: all plots, and the page that shows them."""

import numpy as np

from src.report.page import Chart, report_page
from src.report.params import ReportParams
from src.report.plots import confusion_plot, curves_plot, error_plot, reliability_plot, to_png
from src.report.results import Results, column


def build_report(results: Results, params: ReportParams) -> dict[str, bytes]:
    """Draw the plots and render the page; return the file contents by name."""
    mistakes = results.mistakes()
    confidence = column(results.predictions, "confidence")
    correct = np.array([row["actual"] == row["predicted"] for row in results.predictions])
    plots = {
        "errors.png": to_png(error_plot(mistakes, params)),
        "confusion.png": to_png(confusion_plot(mistakes)),
        "curves.png": to_png(curves_plot(results.history, results.members)),
        "reliability.png": to_png(reliability_plot(confidence, correct)),
    }
    validated = np.isfinite(column(results.history, "validation_loss")).all()
    curves = f"{'Losses and validation accuracy' if validated else 'Training loss'} over {len(results.history)} epochs"
    mean = f", mean of {results.members} networks" if results.members > 1 else ""
    charts = [
        Chart(plots["curves.png"], curves + mean),
        Chart(
            plots["reliability.png"],
            f"Accuracy against confidence; calibration error {results.metrics['calibration_error']:.2%}",
        ),
    ]
    height, width = mistakes.images.shape[2:]
    return {**plots, "index.html": report_page(results, (height, width), charts).encode()}
