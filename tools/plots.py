"""Print the loss curves and the confusion of mistakes as Markdown that GitHub draws: python -m tools.plots"""

import sys
from pathlib import Path

from src.files import read_csv
from src.markdown import confusion_markdown, curves_markdown

HISTORY = Path("data/train/history.csv")
ERRORS = Path("data/evaluate/errors.csv")


def main() -> int:
    try:
        history, errors = read_csv(HISTORY), read_csv(ERRORS)
    except ValueError as error:
        print(f"plots: {error}", file=sys.stderr)
        return 1
    print(curves_markdown(history))
    print(confusion_markdown([(row["actual"], row["predicted"]) for row in errors]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
