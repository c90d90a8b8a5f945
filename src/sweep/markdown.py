"""A sweep as Markdown: which setting is best, and how certain that is."""

from typing import Any

from src.common.text import count, markdown_table
from src.sweep.sweep import ALPHA, Setting, Sweep


def sweep_markdown(sweep: Sweep, unfinished: dict[str, int]) -> str:
    """Render the verdict, the settings, and what is not counted; unfinished: number of experiments by state."""
    best = sweep.settings[0]
    experiments = sum(len(setting.accuracies) for setting in sweep.settings)
    named = ", ".join(f"{key} = {value}" for key, value in zip(sweep.swept, best.values, strict=True))
    equal = sum(setting.mean == best.mean for setting in sweep.settings) - 1
    named += f" (and {count('other setting', equal)} with the same mean)" if equal else ""
    lines = [
        f"## Highest mean validation accuracy: {named or 'the only setting'}",
        "",
        f"{_verdict(sweep)} ({count('experiment', experiments)})",
        "",
        *markdown_table(
            (*sweep.swept, "seeds", "mean validation accuracy", f"{1 - ALPHA:.0%} interval", "difference", "p-value"),
            [_row(setting, best, p_value) for setting, p_value in zip(sweep.settings, sweep.p_values, strict=True)],
        ),
        *(f"Not counted: {reason}." for reason in sweep.left_out),
    ]
    waiting = [f"{number} {state}" for state, number in unfinished.items() if number]
    if waiting:
        lines.append(f"Not counted: {' and '.join(waiting)} in DVC's queue; see `dvc queue status`.")
    return "\n".join(lines).rstrip("\n")


def _row(setting: Setting, best: Setting, p_value: float | None) -> tuple[Any, ...]:
    interval = "none" if setting.half_width is None else f"± {100 * setting.half_width:.3f}"
    against_best = ("", "")
    if setting is not best:
        against_best = (f"{100 * (setting.mean - best.mean):+.3f}", "none" if p_value is None else f"{p_value:.2g}")
    return (*setting.values, len(setting.accuracies), f"{100 * setting.mean:.3f}%", interval, *against_best)


def _verdict(sweep: Sweep) -> str:
    others = len(sweep.settings) - 1
    if not others:
        return "There is only one setting, so there is nothing to compare."
    tested = [p_value for p_value in sweep.p_values if p_value is not None]
    if not tested:
        return "No test is possible: the best setting and at least one other need two seeds each."
    method = f"Welch's t-test at alpha = {ALPHA:g}, with Holm's correction for all pairs of settings"
    worse = sum(p_value < ALPHA for p_value in tested)
    if worse == 0:
        return f"Not significantly better than any other setting: {method}."
    if worse == others:
        return f"Significantly better than every other setting: {method}."
    return f"Significantly better than {worse} of the {others} other settings: {method}."
