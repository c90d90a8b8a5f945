"""A sweep as a picture: every seed, and each setting's mean with its confidence interval."""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from src.sweep.sweep import ALPHA, Sweep, sort_key

MAX_LABEL = 40  # characters per line


def sweep_plot(sweep: Sweep) -> Figure:
    """Draw validation accuracy against the swept parameters, one row per setting, in the order of their values.

    The seeds are drawn below the mean, one below the other, so that equal accuracies stay visible.
    """
    settings = sorted(sweep.settings, key=sort_key)
    labels = [textwrap.fill(" · ".join(map(str, setting.values)), MAX_LABEL) for setting in settings]
    lines = max(label.count("\n") + 1 for label in labels)
    figure = Figure(figsize=(7, 1.6 + max(0.5, 0.2 * lines) * len(settings)), layout="constrained")
    axes = figure.subplots()
    for row, setting in enumerate(settings):
        colour = "C1" if setting is sweep.settings[0] else "C0"
        accuracies = 100 * np.array(setting.accuracies)
        axes.plot(accuracies, row + np.linspace(0.15, 0.4, len(accuracies)), "o", color="grey", markersize=3)
        average, half_width = 100 * setting.mean, 100 * (setting.half_width or 0)
        limits = [[half_width], [min(half_width, 100 - average)]]  # no accuracy is above 100%
        axes.errorbar(average, row, xerr=limits if half_width else None, fmt=f"{colour}o", capsize=4)
    axes.set_yticks(range(len(settings)), labels, parse_math=False)
    axes.set(ylim=(len(settings) - 0.4, -0.5), xlabel="validation accuracy (%)")
    axes.set_ylabel(textwrap.fill(" · ".join(sweep.swept), MAX_LABEL), parse_math=False)
    left, right = axes.get_xlim()
    axes.set_xlim(left, min(right, 100 + 0.02 * (right - left)))
    axes.xaxis.set_major_locator(MaxNLocator(6))  # beside long labels, more would overlap
    axes.grid(alpha=0.3)
    axes.plot([], [], "C1o", label=f"highest mean, {1 - ALPHA:.0%} interval")
    if len(settings) > 1:
        axes.plot([], [], "C0o", label="other means")
    axes.plot([], [], "o", color="grey", markersize=3, label="individual seeds")
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure
