"""Print the loss curves and the confusion matrix as Markdown that GitHub renders."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from src.common.artifacts import EpochMetrics, Error
from src.common.cli import run_cli
from src.common.files import read_csv
from src.common.metrics import most_confused
from src.common.text import count, markdown_table
from tools import make_parser


def main() -> None:
    make_parser("plots", __doc__).parse_args()
    print(curves_markdown(read_csv(Path("data/train/history.csv"), EpochMetrics)))
    print(confusion_markdown(read_csv(Path("data/evaluate/errors.csv"), Error)))


def curves_markdown(history: Sequence[EpochMetrics]) -> str:
    """Render the losses by epoch as a Mermaid chart."""
    curves = {"training (blue)": [epoch.train_loss for epoch in history]}
    if not math.isnan(history[-1].validation_loss):
        curves["validation (orange)"] = [epoch.validation_loss for epoch in history]
    lines = [f"    line [{', '.join(f'{loss:.6f}' for loss in losses)}]" for losses in curves.values()]
    axis = f"    x-axis epoch [{', '.join(str(epoch.epoch) for epoch in history)}]"
    colours = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77b4, #ff7f0e"}}}}%%'
    title = f'    title "Loss: {" and ".join(curves)}"'
    return "\n".join(["```mermaid", colours, "xychart-beta", title, axis, *lines, "```", ""])


def confusion_markdown(errors: Sequence[Error]) -> str:
    """Tabulate how often each class was mistaken for another; of many classes, show only the most confused ones."""
    _, shown = most_confused(errors, sorted({name for error in errors for name in (error.actual, error.predicted)}))
    counts = Counter((error.actual, error.predicted) for error in shown)
    columns = sorted({predicted for _, predicted in counts})
    rows = [
        (actual, *(counts[actual, predicted] or "" for predicted in columns))
        for actual in sorted({actual for actual, _ in counts})
    ]
    lines = markdown_table(("actual \\ predicted", *columns), rows, "No errors.")
    if rest := len(errors) - len(shown):
        lines += [f"Only the classes confused most often are shown, which leaves out {count('other error', rest)}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    run_cli(main)
