"""A comparison as Markdown: the verdict, the evidence for it, and what differs."""

import re
from statistics import mean, stdev
from typing import Any

from src.common.text import count, markdown_table, markdown_text
from src.compare.comparison import Comparison, SeedComparison
from src.compare.revisions import SEED, Result

SAME_PARAMETERS = "No parameter that can change the metrics differs."
SAME_METRICS = "No metric differs."
MAX_LISTED = 20  # fixed or broken images; the rest are only counted


def comparison_markdown(comparison: Comparison) -> str:
    """Render the verdict, and the parameters, metrics and images that differ."""
    base, other = comparison.base, comparison.other
    fixed, broken, both = len(comparison.fixed), len(comparison.broken), len(comparison.errors_in_both)
    noise = "" if comparison.p_value < comparison.alpha else ", within noise"
    if fixed + broken >= comparison.detectable:
        points = 100 * comparison.detectable / comparison.images
        power = (
            f"With {fixed + broken} changed outcomes, a net change of {comparison.detectable} images ({points:.2f}"
            " percentage points) would be detected four times out of five; smaller changes are detected less often."
        )
    elif fixed + broken == 0:
        power = "No image was classified correctly by only one of the two."
    else:
        power = (
            f"Too few outcomes changed for a verdict: at least {comparison.detectable} would have to change, all in the"
            " same direction."
        )
    lines = [
        f"## {other.name} against {base.name}: {comparison.verdict}",
        "",
        f"{fixed} fixed, {broken} broken: p = {comparison.p_value:.2g}{noise} (McNemar's exact test,"
        f" alpha = {comparison.alpha:g}). Errors in both: {both} of {comparison.images:,} test images.",
        "",
        *(line for sentence in data_sentences(comparison, "`") for line in (markdown_text(sentence), "")),
        power,
        "",
        *markdown_table(("parameter", base.name, other.name), parameter_rows(comparison), SAME_PARAMETERS),
        *_changed_since_lines([base, other]),
        *markdown_table(("metric", base.name, other.name, "change"), metric_rows(base, other), SAME_METRICS),
    ]
    for kind, images, side in (("Fixed", comparison.fixed, base), ("Broken", comparison.broken, other)):
        if images:
            names = {image: f"{error.actual}, {error.predicted}" for image, error in side.errors.items()}
            listed = [f"{image} ({names.get(image, 'relabelled')})" for image in images[:MAX_LISTED]]
            more = f", and {len(images) - MAX_LISTED} more" if len(images) > MAX_LISTED else ""
            numbered = f"; numbered as in {side.name}" if comparison.added or comparison.removed else ""
            text = f"{kind} test images (actual, predicted{numbered}): {', '.join(listed)}{more}."
            lines += [markdown_text(text), ""]
    return "\n".join(lines)


def data_sentences(comparison: Comparison, quote: str = "") -> list[str]:
    """Say in plain text how the code and the data differ, if they do; quote: what is put around paths."""
    sentences = []
    if comparison.changed_inputs:
        sentences.append(
            f"Code or data that differs: {', '.join(f'{quote}{path}{quote}' for path in comparison.changed_inputs)}."
        )
    if comparison.added or comparison.removed or comparison.relabelled:
        before, after = comparison.accuracies
        known = f" and whose classes {comparison.base.name} knows ({comparison.new:,} others left out)"
        sentences.append(
            f"The test sets differ: {count('image', comparison.added)} added, {comparison.removed:,} removed,"
            f" {comparison.relabelled:,} relabelled. The comparison covers the {comparison.images:,} images that"
            f" both have{known if comparison.new else ''}, with the labels of {comparison.other.name}; accuracy on"
            f" them: {before:.2%} before, {after:.2%} after. The metrics below are for each side's whole test set."
        )
    if comparison.renamed:
        renamed = ", ".join(f"{old} → {new}" for old, new in comparison.renamed.items())
        sentences.append(f"Classes renamed or merged: {renamed}.")
    if comparison.dropped:
        dropped = ", ".join(comparison.dropped)
        sentences.append(f"The tasks differ, because only {comparison.base.name} has these classes: {dropped}.")
    return sentences


def seeds_markdown(base: list[Result], other: list[Result], comparison: SeedComparison) -> str:
    """Render the verdict, and the difference of the means with its confidence interval, in percentage points.

    base, other: the results counted on each side, starting with the one named on the command line.
    """
    difference = 100 * (mean(comparison.other) - mean(comparison.base))
    if comparison.interval:
        low, high = (100 * bound for bound in comparison.interval)
        level = 100 * (1 - comparison.alpha)
        evidence = f", {level:g}% confidence interval {low:+.3f} to {high:+.3f} (Welch's t-test)."
    else:
        evidence = ". No test is possible, because neither side's accuracy varies over its seeds."
    rows = [
        (
            results[0].name,
            len(values),
            f"{100 * mean(values):.3f}%",
            f"{100 * stdev(values):.3f}",
            ", ".join(short_name(result) for result in results),
        )
        for results, values in ((base, comparison.base), (other, comparison.other))
    ]
    return "\n".join(
        [
            f"## {other[0].name} against {base[0].name}, over seeds: {comparison.verdict}",
            "",
            f"Difference in mean test accuracy: {difference:+.3f} percentage points{evidence}",
            "",
            *markdown_table(("", "seeds", "mean test accuracy", "standard deviation", "results counted"), rows),
            *_changed_since_lines([*base, *other]),
        ]
    )


def short_name(result: Result) -> str:
    """Return the name of a result's experiment or revision, with its seed; commits are abbreviated."""
    name = result.name.split("/")[-1]
    return f"{name[:7] if re.fullmatch('[0-9a-f]{40}', name) else name} (seed {result.params.get(SEED)})"


def _changed_since_lines(results: list[Result]) -> list[str]:
    lines = [
        f"{result.name} has changed since its run: {', '.join(result.changed_since)}."
        for result in results
        if result.changed_since
    ]
    return [*lines, ""] if lines else []


def parameter_rows(comparison: Comparison) -> list[tuple[Any, ...]]:
    """List the parameters that differ, with their values on both sides."""
    sides = (comparison.base.params, comparison.other.params)
    return [(key, *(_as_yaml(side.get(key, "none")) for side in sides)) for key in comparison.changed_params]


def _as_yaml(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def metric_rows(base: Result, other: Result) -> list[tuple[str, ...]]:
    """List the metrics that differ, with their values on both sides and the change."""
    rows = []
    for key in [*other.metrics, *(key for key in base.metrics if key not in other.metrics)]:
        before, after = base.metrics.get(key), other.metrics.get(key)
        if before == after:
            continue
        change = f"{after - before:+.6g}" if before is not None and after is not None else ""
        rows.append((key, *("none" if value is None else f"{value:.6g}" for value in (before, after)), change))
    return rows
