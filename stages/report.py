"""Stage 5: plot the mistakes and the training curves, and write the HTML report."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.common.cli import run_cli
from src.common.files import read_bytes, read_csv, read_json, write_bytes
from src.common.metrics import MetricsFile
from src.common.params import PARAMS, StageParams, read_yaml
from src.report.params import ReportParams
from src.report.report import build_report
from src.report.results import Environment, Results
from src.settings.all_params import read_stage_params

PREDICTIONS = Path("data/evaluate/predictions.csv")
REPORT = Path("data/report")
# The types that the values of CSV columns must convert to.
PREDICTION: dict[str, Callable[[str], Any]] = {"index": int, "actual": str, "predicted": str, "confidence": float}
CURVES = ("train_loss", "validation_loss", "validation_accuracy")


class Params(StageParams):
    report: ReportParams


def main() -> None:
    params = read_stage_params(Params).report
    files = read_csv(Path("data/download/files.csv"), part=str, index=int, file=str)
    results = Results(
        errors=read_csv(Path("data/evaluate/errors.csv"), **PREDICTION, loss=float, likeliest=str),
        error_images=read_bytes(Path("data/evaluate/errors.png")),
        predictions=read_csv(PREDICTIONS, **PREDICTION),
        metrics=read_json(Path("data/evaluate/metrics.json"), MetricsFile)["test"],
        history=read_csv(Path("data/train/history.csv"), epoch=int, **dict.fromkeys(CURVES, float)),
        layers=read_csv(Path("data/train/layers.csv"), layer=str, shape=str, parameters=int),
        augmented=read_bytes(Path("data/train/augmented.png")),
        environment=read_json(Path("data/train/environment.json"), Environment),
        params=read_yaml(PARAMS),
        files={row["index"]: row["file"] for row in files if row["part"] == "test"},
        result_id=hashlib.md5(read_bytes(PREDICTIONS), usedforsecurity=False).hexdigest()[:8],
    )
    for name, contents in build_report(results, params).items():
        write_bytes(REPORT / name, contents)
    shown = min(len(results.errors), params.max_images)
    print(f"report: {shown:,} of {len(results.errors):,} mistakes in {REPORT}/errors.png; open {REPORT}/index.html")


if __name__ == "__main__":
    run_cli(main)
