"""The report as a whole: all plots, and the page that shows them."""

import numpy as np

from src.report.page import Chart, report_page
from src.report.params import ReportParams
from src.report.plots import confusion_plot, curves_plot, error_plot, reliability_plot, to_png, to_svg
from src.report.results import Results, column


def build_report(results: Results, params: ReportParams) -> dict[str, bytes]:
    """Draw the plots and render the page; return the file contents by name."""
    mistakes = results.mistakes()
    confidence = column(results.predictions, "confidence")
    correct = np.array([row["actual"] == row["predicted"] for row in results.predictions])
    validated = np.isfinite(column(results.history, "validation_loss")).all()
    curves = f"{'Losses and validation accuracy' if validated else 'Training loss'} over {len(results.history)} epochs"
    mean = f", mean of {results.members} networks" if results.members > 1 else ""
    charts = {
        "curves.png": (curves_plot(results.history, results.members), curves + mean),
        "reliability.png": (reliability_plot(confidence, correct), "Accuracy against confidence, and images per bin"),
    }
    height, width = mistakes.images.shape[2:]
    page = report_page(results, (height, width), [Chart(to_svg(plot), text) for plot, text in charts.values()])
    return {
        "errors.png": to_png(error_plot(mistakes, params)),
        "confusion.png": to_png(confusion_plot(mistakes)),
        **{name: to_png(plot, dpi=150) for name, (plot, _) in charts.items()},
        "index.html": page.encode(),
    }
