"""The curves and the confusion matrix as Markdown that GitHub renders."""

from collections import Counter

from src.common.text import markdown_table
from src.report.results import Rows


def curves_markdown(history: Rows) -> str:
    """Render the losses by epoch as a Mermaid chart, from the rows of history.csv."""
    curves = {"train_loss": "training (blue)", "validation_loss": "validation (orange)"}
    present = {key: name for key, name in curves.items() if all(row[key] != "nan" for row in history)}
    lines = [f"    line [{', '.join(f'{float(row[key]):.6f}' for row in history)}]" for key in present]
    axis = f"    x-axis epoch [{', '.join(row['epoch'] for row in history)}]"
    colours = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77b4, #ff7f0e"}}}}%%'
    title = f'    title "Loss: {" and ".join(present.values())}"'
    return "\n".join(["```mermaid", colours, "xychart-beta", title, axis, *lines, "```", ""])


def confusion_markdown(errors: Rows) -> str:
    """Render how often each class was predicted as another, as a table, from the rows of errors.csv."""
    counts = Counter((row["actual"], row["predicted"]) for row in errors)
    columns = sorted({predicted for _, predicted in counts})
    rows = [
        (actual, *(counts[actual, predicted] or "" for predicted in columns))
        for actual in sorted({actual for actual, _ in counts})
    ]
    return "\n".join(markdown_table(("actual \\ predicted", *columns), rows, "No mistakes."))
