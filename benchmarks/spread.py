"""How the benchmarks print repeated measurements."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], spec: str) -> str:
    """Format the median, with minimum and maximum in parentheses; spec as in format()."""
    return f"{statistics.median(values):{spec}} ({min(values):{spec}} to {max(values):{spec}})"
