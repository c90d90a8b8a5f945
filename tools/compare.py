"""Compare two results on the test images that both have: is the difference larger than chance would explain?

BASE and REV are Git revisions, names of DVC experiments, or `workspace`. Only what is in Git is read.
Exit code: 1 if there are no results to compare or, with --gate, if REV is significantly worse or less accurate than
required, or lacks a metric; 2 for usage errors; otherwise 0.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean

from src.common.cli import run_cli
from src.common.files import write_bytes
from src.compare.comparison import Comparison, compare, compare_seeds
from src.compare.git import WORKSPACE
from src.compare.markdown import comparison_markdown, seeds_markdown, short_name
from src.compare.page import comparison_page
from src.compare.revisions import read_images, read_result, read_seeds
from tools import make_parser


def main() -> int:
    arguments = parse_arguments()
    base, other = arguments.base, arguments.revision
    missing: list[str] = []
    if arguments.seeds:
        before, after = read_seeds(base), read_seeds(other)
        seeds = compare_seeds([each.accuracy for each in before], [each.accuracy for each in after], arguments.alpha)
        accuracy, verdict = mean(seeds.other), seeds.verdict
        counted = {"base": [short_name(each) for each in before], "other": [short_name(each) for each in after]}
        values = seeds._asdict() | {"results": counted}
        print(json.dumps(values, indent=2) if arguments.json else seeds_markdown(before, after, seeds))
    else:
        comparison = compare(read_result(base), read_result(other), arguments.alpha)
        accuracy, verdict = comparison.other.accuracy, comparison.verdict
        missing = missing_metrics(comparison)
        if arguments.html:  # first, because `head` may end the output
            page = comparison_page(comparison, read_images(comparison.base), read_images(comparison.other))
            write_bytes(arguments.html, page.encode())
        print(json.dumps(comparison.to_json(), indent=2) if arguments.json else comparison_markdown(comparison))
    failures = []
    if verdict == "worse":
        failures.append(f"{other} is significantly worse than {base}")
    if accuracy < arguments.min_accuracy:
        failures.append(f"accuracy {accuracy:.4f} is below {arguments.min_accuracy:g}")
    failures += [f"{other} lacks the metric {key}" for key in missing]
    if arguments.gate and failures:
        sys.stdout.flush()  # before the reason on stderr
        print(f"compare: gate failed: {'; '.join(failures)}", file=sys.stderr)
        return 1
    return 0


def missing_metrics(comparison: Comparison) -> list[str]:
    """List the metrics that only the base has, except those that the other side need not have."""
    base, other = comparison.base, comparison.other
    excused = ["test.members."]  # a single network has no members
    if other.params.get("train.refit"):
        excused.append("validation.")
    missing = base.metrics.keys() - other.metrics.keys()
    missing -= {f"test.recall.{name}" for name in (*comparison.renamed, *comparison.dropped)}
    return sorted(key for key in missing if not key.startswith(tuple(excused)))


def probability(text: str) -> float:
    """Parse a number above 0 and below 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be above 0 and below 1")
    return value


def parse_arguments() -> argparse.Namespace:
    parser = make_parser("compare", __doc__)
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("revision", metavar="REV", nargs="?", default=WORKSPACE, help="default: the workspace")
    parser.add_argument("--alpha", type=probability, default=0.05, help="significance level; default: 0.05")
    parser.add_argument(
        "--seeds",
        action="store_true",
        help="compare mean accuracies over all results that differ only in train.seed",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument(
        "--html", type=Path, metavar="PATH", help="also write an HTML page with the fixed and broken images"
    )
    parser.add_argument(
        "--gate", action="store_true", help="exit with code 1 if REV is significantly worse or lacks a metric"
    )
    parser.add_argument(
        "--min-accuracy", type=probability, default=0.0, help="with --gate: the minimum accuracy required"
    )
    arguments = parser.parse_args()
    if arguments.seeds and arguments.html:
        parser.error("--html cannot be combined with --seeds, which does not compare individual images")
    if arguments.min_accuracy and not arguments.gate:
        parser.error("--min-accuracy needs --gate")
    return arguments


if __name__ == "__main__":
    run_cli(main)
