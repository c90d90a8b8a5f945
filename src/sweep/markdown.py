"""A sweep as Markdown: which setting is best, and how far that can be told."""

from src.common.text import markdown_table
from src.sweep.sweep import ALPHA, Setting, Sweep


def sweep_markdown(sweep: Sweep, unfinished: dict[str, int]) -> str:
    """Render the verdict, the settings, and what is not counted; unfinished: number of experiments by state."""
    best, *others = sweep.settings
    experiments = sum(len(setting.accuracies) for setting in sweep.settings)
    rows = [
        (
            *setting.values,
            len(setting.accuracies),
            f"{100 * setting.mean:.3f}%",
            "none" if setting.half_width is None else f"± {100 * setting.half_width:.3f}",
            "" if setting is best else f"{100 * (setting.mean - best.mean):+.3f}",
            "" if setting is best else "none" if setting.p_value is None else f"{setting.p_value:.2g}",
        )
        for setting in sweep.settings
    ]
    header = (*sweep.swept, "seeds", "mean accuracy", f"{1 - ALPHA:.0%} interval", "difference", "p-value")
    waiting = [f"{count} {state}" for state, count in unfinished.items() if count]
    return "\n".join(
        [
            f"## Highest mean validation accuracy: {describe(sweep, best) or 'the only setting'}",
            "",
            f"{_verdict(sweep, best, others)} ({experiments} experiments)",
            "",
            *markdown_table(header, rows),
            *(f"Not counted: {reason}." for reason in sweep.left_out),
            *[f"Not counted: {' and '.join(waiting)} in DVC's queue; see `dvc queue status`."] * bool(waiting),
        ]
    ).rstrip("\n")


def describe(sweep: Sweep, setting: Setting) -> str:
    """Name a setting by its parameters and values."""
    return ", ".join(f"{key} = {value}" for key, value in zip(sweep.swept, setting.values, strict=True))


def _verdict(sweep: Sweep, best: Setting, others: list[Setting]) -> str:
    if not others:
        return "There is only one setting, so there is nothing to compare."
    method = (
        f"Welch's t-test at alpha = {ALPHA:g}, with Holm's correction for {sweep.pairs} pair{'s'[: sweep.pairs > 1]}"
    )
    tested = [setting for setting in others if setting.p_value is not None]
    if not tested:
        return "No test is possible: the best setting and another one need at least two seeds each."
    worse = sum(setting.p_value is not None and setting.p_value < ALPHA for setting in tested)
    if worse == 0:
        return f"Not significantly better than any other setting: {method}."
    if worse == len(others):
        return f"Significantly better than every other setting: {method}."
    return f"Significantly better than {worse} of the {len(others)} other settings: {method}."
