"""The table of accuracies: means over seeds, ensembles, and comparisons with the default recipe."""

from collections.abc import Mapping
from math import sqrt
from statistics import mean, stdev
from typing import Any

from scipy.stats import binomtest, t

from src.compare.significance import compare_seeds, mcnemar

BASE = "default"  # what the other rows are compared with
Figures = Mapping[str, Any]  # of one recipe, as benchmarks/accuracy.py writes them


def render_table(results: Mapping[str, Figures]) -> str:
    """Render the figures as Markdown tables, sorted by mean accuracy, with every individual score."""
    results = dict(sorted(results.items(), key=lambda item: mean(item[1]["accuracy"])))
    lines = [
        "Made by the commands in the last column; each row includes all of its networks. ± is the sample standard"
        " deviation of single networks.",
        "",
        "| recipe | networks | single network | 95% confidence interval of the mean (t) | ensemble"
        " | 95% confidence interval (Wilson) | minutes per network | machine | command |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in results.items():
        minutes = "" if figures["minutes"] is None else f"{figures['minutes']:.1f}"
        cells = [name, str(len(figures["accuracy"])), *_scores(figures), minutes, figures["machine"]]
        lines.append(f"| {' | '.join(cells)} | `{figures['command']}` |")
    base = results.get(BASE, {"test_set": None})
    others = [name for name in results if name != BASE and results[name]["test_set"] == base["test_set"]]
    if others:
        lines += ["", f"| against {BASE} | single network, mean (Welch) | ensemble, image by image (McNemar) |"]
        lines += ["|---|---|---|", *(f"| {name} | {' | '.join(_compare(base, results[name]))} |" for name in others)]
    by_seed = {name: dict(enumerate(figures["accuracy"], figures["seed"])) for name, figures in results.items()}
    seeds = sorted({seed for scores in by_seed.values() for seed in scores})
    lines += ["", f"| seed | {' | '.join(map(str, seeds))} |", f"|{'---|' * (len(seeds) + 1)}"]
    for name, scores in by_seed.items():
        lines.append(f"| {name} | {' | '.join(f'{scores[seed]:.2%}' if seed in scores else '' for seed in seeds)} |")
    return "\n".join([*lines, ""])


def _scores(figures: Figures) -> list[str]:
    """Format mean, ensemble accuracy and their intervals; for a single network only its accuracy, marked n = 1."""
    accuracy, images, wrong = figures["accuracy"], figures["images"], len(figures["wrong"])
    if len(accuracy) == 1:
        return [f"{accuracy[0]:.2%}, n = 1", "", "", ""]
    margin = float(t.ppf(0.975, len(accuracy) - 1)) * stdev(accuracy) / sqrt(len(accuracy))
    interval = binomtest(images - wrong, images).proportion_ci(0.95, method="wilson")
    return [
        f"**{mean(accuracy):.3%} ± {100 * stdev(accuracy):.3f}**",
        f"{mean(accuracy) - margin:.3%} to {mean(accuracy) + margin:.3%}",
        f"{1 - wrong / images:.2%}, n = 1",
        f"{interval.low:.2%} to {interval.high:.2%}",
    ]


def _compare(base: Figures, other: Figures) -> tuple[str, str]:
    """Compare single networks and the ensemble with the base, and test both differences."""
    means, ensembles = "too few networks", "different number of networks"
    if min(len(base["accuracy"]), len(other["accuracy"])) > 1:
        comparison = compare_seeds(base["accuracy"], other["accuracy"], 0.05)
        low, high = (f"{100 * bound:+.3f}" for bound in comparison.interval)
        means = f"{comparison.verdict}: {low} to {high} points"
    if len(base["accuracy"]) == len(other["accuracy"]):
        fixed, broken = len({*base["wrong"]} - {*other["wrong"]}), len({*other["wrong"]} - {*base["wrong"]})
        ensembles = f"{fixed} fixed, {broken} broken: p = {mcnemar(fixed, broken):.2g}"
    return means, ensembles
