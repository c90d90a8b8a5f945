"""A comparison in, Markdown that says what it means out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from src.compare import Comparison, Result, SeedComparison

LISTED = 20  # images of a kind; more are counted


def comparison_markdown(made: Comparison) -> str:
    """The verdict first, then what it rests on: the images, the parameters, the metrics."""
    base, other = made.base, made.other
    noise = "" if made.p_value < made.alpha else ", within noise"
    points = 100 * made.detectable / made.images
    params = [(key, base.params.get(key, "none"), other.params.get(key, "none")) for key in made.changed_params]
    lines = [
        f"## {other.name} against {base.name}: {made.verdict}",
        "",
        f"{len(made.fixed)} fixed, {len(made.broken)} broken: p = {made.p_value:.2g}{noise}"
        f" (McNemar's exact test at {made.alpha:g}). {len(made.wrong_in_both)} wrong in both,"
        f" of {made.images:,} test images.",
        "",
        f"With {len(made.fixed) + len(made.broken)} images changing, a net change of {made.detectable} ({points:.2f}"
        " percentage points) would be found four times out of five; a smaller one is likely to go unseen."
        if len(made.fixed) + len(made.broken) >= made.detectable
        else f"Too few images changed to tell: {made.detectable} or more would have to, all of them one way.",
        "",
        *_table(("parameter", base.name, other.name), params, "No parameter differs."),
        *_table(("metric", base.name, other.name, "change"), _metrics(base, other), ""),
    ]
    for kind, images, result in (("Fixed", made.fixed, base), ("Broken", made.broken, other)):
        if images:
            shown = (f"{image} ({_mistake(result, image)})" for image in images[:LISTED])
            more = f", and {len(images) - LISTED} more" if len(images) > LISTED else ""
            lines += [f"{kind} test images (label, taken for): {', '.join(shown)}{more}.", ""]
    return "\n".join(lines)


def seeds_markdown(base: str, other: str, made: SeedComparison) -> str:
    """The verdict, the two means, and the interval of their difference, in percentages."""
    low, high = (100 * bound for bound in made.interval)
    difference = 100 * (mean(made.other) - mean(made.base))
    rows = [
        (name, len(values), f"{100 * mean(values):.3f}%", f"{100 * stdev(values):.3f}")
        for name, values in ((base, made.base), (other, made.other))
    ]
    return "\n".join(
        [
            f"## {other} against {base}, over seeds: {made.verdict}",
            "",
            f"Difference of the mean accuracies: {difference:+.3f} percentage points,"
            f" {100 * (1 - made.alpha):g}% interval {low:+.3f} to {high:+.3f} (Welch's t-test).",
            "",
            *_table(("", "seeds", "mean accuracy", "deviation"), rows, ""),
        ]
    )


def curves_markdown(history: Sequence[Mapping[str, str]]) -> str:
    """The losses by epoch, as a Mermaid chart; history: rows of history.csv."""
    curves = {"train_loss": "training (blue)", "validation_loss": "validation (orange)"}
    known = {key: name for key, name in curves.items() if all(row[key] != "nan" for row in history)}
    lines = [f"    line [{', '.join(f'{float(row[key]):.6f}' for row in history)}]" for key in known]
    axis = f"    x-axis epoch [{', '.join(row['epoch'] for row in history)}]"
    colours = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77b4, #ff7f0e"}}}}%%'
    title = f'    title "Loss in {" and ".join(known.values())}"'
    return "\n".join(["```mermaid", colours, "xychart-beta", title, axis, *lines, "```", ""])


def confusion_markdown(mistakes: Sequence[tuple[str, str]]) -> str:
    """How often each class was taken for another, as a table; mistakes: (actual, predicted)."""
    counts = Counter(mistakes)
    columns = sorted({predicted for _, predicted in mistakes})
    rows = [
        (actual, *(counts[actual, predicted] or "" for predicted in columns))
        for actual in sorted({actual for actual, _ in mistakes})
    ]
    return "\n".join(_table(("true \\ taken for", *columns), rows, "No mistakes."))


def _metrics(base: Result, other: Result) -> list[tuple[str, ...]]:
    rows = []
    for key in [*other.metrics, *(key for key in base.metrics if key not in other.metrics)]:
        before, after = base.metrics.get(key), other.metrics.get(key)
        change = f"{after - before:+.6g}" if before is not None and after is not None else ""
        rows.append((key, *("none" if value is None else f"{value:.6g}" for value in (before, after)), change))
    return rows


def _table(header: Sequence[str], rows: Sequence[Iterable[Any]], without: str) -> list[str]:
    if not rows:
        return [without, ""]
    return [_row(header), _row("---" for _ in header), *map(_row, rows), ""]


def _row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _mistake(result: Result, image: int) -> str:
    mistake = result.mistakes[image]
    return f"{mistake.actual}, {mistake.predicted}"
