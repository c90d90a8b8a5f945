"""Write docs/parameters.md, and the comments and missing parameters in params.yaml, from the parameter models."""

from pathlib import Path

from src.common.cli import run_cli
from src.common.files import write_bytes
from src.common.params import PARAMS, read_yaml
from src.params.documentation import render_params, render_reference
from src.params.params import fill_in_defaults
from tools import make_parser

REFERENCE = Path("docs/parameters.md")


def main() -> None:
    make_parser("docs", __doc__).parse_args()
    write_bytes(PARAMS, render_params(fill_in_defaults(read_yaml(PARAMS), PARAMS)).encode())
    write_bytes(REFERENCE, render_reference().encode())
    print(f"docs: wrote {REFERENCE} and the comments in {PARAMS}")


if __name__ == "__main__":
    run_cli(main)
