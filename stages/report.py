"""Stage 5: plot the errors and the training curves, and write the HTML report."""

from pathlib import Path

from src.common.artifacts import (
    AppliedDecision,
    Environment,
    EpochMetrics,
    Error,
    LayerSize,
    MetricsFile,
    PictureName,
    Prediction,
    Suspect,
    TestImage,
)
from src.common.dataset import Dataset
from src.common.files import md5, read_bytes, read_csv, read_json, write_bytes
from src.common.params import PARAMS, read_yaml
from src.common.text import count
from src.params.params import read_params
from src.report.page import build_report
from src.report.results import Results

PREDICTIONS = Path("data/evaluate/predictions.csv")
REPORT = Path("data/report")


def main() -> None:
    params = read_params().report
    pictures = read_csv(Path("data/download/files.csv"), PictureName)
    files = {(row.part, row.index): row.file for row in reversed(pictures)}  # the first file of each image
    results = Results(
        errors=read_csv(Path("data/evaluate/errors.csv"), Error),
        error_images=read_bytes(Path("data/evaluate/errors.png")),
        predictions=read_csv(PREDICTIONS, Prediction),
        metrics=read_json(Path("data/evaluate/metrics.json"), MetricsFile).test,
        history=read_csv(Path("data/train/history.csv"), EpochMetrics),
        layers=read_csv(Path("data/train/layers.csv"), LayerSize),
        augmented=read_bytes(Path("data/train/augmented.png")),
        environment=read_json(Path("data/train/environment.json"), Environment),
        params=read_yaml(PARAMS),
        training_data=Dataset.load(Path("data/download/train.npz")),
        files=files,
        copies=len(pictures) - len(files),
        unusable=sum(row.part == "unusable" for row in pictures),
        suspects=read_csv(Path("data/train/suspects.csv"), Suspect),
        test_set=read_csv(Path("data/evaluate/test_set.csv"), TestImage),
        decisions=read_csv(Path("data/download/decisions.csv"), AppliedDecision),
        result_id=md5(read_bytes(PREDICTIONS))[:8],
    )
    for name, contents in build_report(results, params).items():
        write_bytes(REPORT / name, contents)
    shown = min(len(results.errors), params.max_images)
    total = count("error", len(results.errors))
    print(f"report: {shown:,} of {total} in {REPORT}/errors.png; open {REPORT}/index.html")
