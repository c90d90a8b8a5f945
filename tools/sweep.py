"""Report which setting of a sweep has the highest mean validation accuracy, and whether its lead is more than noise.

PATTERN selects experiments by name, for example 'grid-*'. Experiments that differ only in train.seed, split.seed or the
section evaluate are results of one setting. Run them first, with `dvc exp run`. Exit code: 1 if there are no results, 2
for usage errors, otherwise 0.
"""

from pathlib import Path

from src.common.cli import run_cli
from src.common.files import write_bytes
from src.report.plots import to_png
from src.sweep.markdown import sweep_markdown
from src.sweep.plot import sweep_plot
from src.sweep.sweep import count_unfinished, read_sweep
from tools import make_parser


def main() -> None:
    parser = make_parser("sweep", __doc__)
    parser.add_argument("patterns", metavar="PATTERN", nargs="*", help="default: all experiments")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="also write a PNG of the settings and their seeds")
    arguments = parser.parse_args()
    sweep = read_sweep(arguments.patterns)
    print(sweep_markdown(sweep, count_unfinished()))
    if arguments.plot:
        write_bytes(arguments.plot, to_png(sweep_plot(sweep), dpi=120))


if __name__ == "__main__":
    run_cli(main)
