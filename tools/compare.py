"""Compare two results on the same test images, and say whether the difference is more than chance.

BASE and REV are Git revisions, DVC experiments by name, or `workspace`. Only what is in Git is read.
Exit code: 1 without results to compare and, with --gate, when REV is significantly worse, not accurate enough or lacks
a metric; 2 for wrong usage; otherwise 0.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from statistics import mean

from src.compare import compare, compare_seeds
from src.comparison_page import comparison_page
from src.files import write_bytes
from src.markdown import comparison_markdown, seeds_markdown
from src.results import ACCURACY, WORKSPACE, UnknownRevisionError, read_images, read_result, read_seeds


def main() -> int:
    arguments = parse()
    base, other = arguments.base, arguments.revision
    missing: set[str] = set()
    try:
        if arguments.seeds:
            before, after = ([result.metrics[ACCURACY] for result in read_seeds(name)] for name in (base, other))
            seeds = compare_seeds(before, after, arguments.alpha)
            accuracy, verdict = mean(after), seeds.verdict
            text = json.dumps(seeds._asdict(), indent=2) if arguments.json else seeds_markdown(base, other, seeds)
        else:
            made = compare(read_result(base), read_result(other), arguments.alpha)
            accuracy, verdict = made.other.metrics[ACCURACY], made.verdict
            # A refit validates nothing, and one network alone has no members.
            excused = ("evaluate.members.", *["train.validation_"] * bool(made.other.params.get("train.refit")))
            keys = made.base.metrics.keys() - made.other.metrics.keys()
            missing = {key for key in keys if not key.startswith(excused)}
            text = json.dumps(made.summary(), indent=2) if arguments.json else comparison_markdown(made)
            if arguments.html:
                page = comparison_page(made, read_images(made.base), read_images(made.other))
                write_bytes(arguments.html, page.encode())
    except (ValueError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2 if isinstance(error, UnknownRevisionError) else 1
    print(text)
    failures = [f"{other} is significantly worse than {base}"] * (verdict == "worse")
    failures += [f"accuracy {accuracy:.4f} is below {arguments.min_accuracy:g}"] * (accuracy < arguments.min_accuracy)
    failures += [f"{other} lacks the metric {key}" for key in sorted(missing)]
    if arguments.gate and failures:
        print(f"compare: gate closed: {'; '.join(failures)}", file=sys.stderr)
        return 1
    return 0


def share(text: str) -> float:
    """A number above 0 and below 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be above 0 and below 1")
    return value


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("revision", metavar="REV", nargs="?", default=WORKSPACE, help="default: the workspace")
    parser.add_argument("--alpha", type=share, default=0.05, help="chance of seeing a difference where none is")
    parser.add_argument(
        "--seeds", action="store_true", help="compare the means of all experiments like each but in seed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--html", type=Path, metavar="PATH", help="also write a page that shows the images")
    parser.add_argument("--gate", action="store_true", help="fail when REV is worse")
    parser.add_argument("--min-accuracy", type=share, default=0.0, help="with --gate: fail below it")
    arguments = parser.parse_args()
    if arguments.seeds and arguments.html:
        parser.error("--html shows single images, --seeds has none")
    return arguments


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as `| head` expects
    sys.exit(main())
