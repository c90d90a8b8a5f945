"""The pipeline with a backbone, a small random one, on scikit-learn's digits."""

import shutil
from pathlib import Path

from src.common.artifacts import Prediction
from src.common.dataset import Dataset
from src.common.files import read_csv
from src.export.classifier import load_classifier
from tests.helpers import attempt, run, set_params, stages_run
from tests.unit.network.test_backbone import make_backbone


def test_a_backbone_is_versioned_joined_with_the_classifier_and_cached(project: Path) -> None:
    path = project / "backbone/tiny.onnx"
    path.write_bytes(make_backbone(size=8).SerializeToString())
    run("dvc", "add", "--quiet", f"{path}", cwd=project)
    set_params(project, {"model": {"backbone": "backbone/tiny.onnx"}, "train": {"learning_rate": 0.05}})
    output = run("dvc", "repro", cwd=project)
    assert stages_run(output) == ["train", "evaluate", "report", "export"]
    assert "same predictions as PyTorch on all 360 test images" in output
    assert "tiny.onnx" in (project / "data/export/model.md").read_text()
    test = Dataset.load(project / "data/download/test.npz")
    probabilities = load_classifier(project / "data/export/model.onnx").predict(test.images)
    predicted = [row.predicted for row in read_csv(project / "data/evaluate/predictions.csv", Prediction)]
    assert [test.classes[index] for index in probabilities.argmax(1)] == predicted
    assert len(list((project / ".features").iterdir())) == 2

    outputs = {
        name: (project / "data" / name).read_bytes() for name in ("train/model.safetensors", "export/model.onnx")
    }
    shutil.rmtree(project / ".features")
    run("dvc", "repro", "--force", "--single-item", "train", "evaluate", "export", cwd=project)
    assert outputs == {name: (project / "data" / name).read_bytes() for name in outputs}

    path.write_bytes(make_backbone(size=8, pooled=False).SerializeToString())
    result = attempt("python", "-m", "stages", "evaluate", cwd=project)
    assert result.returncode == 1
    assert "the model was trained with another backbone (tiny.onnx, MD5 " in result.stdout
    assert stages_run(run("dvc", "repro", "evaluate", cwd=project)) == ["train", "evaluate"]

    set_params(project, {"augment": {"rotation": 5.0}})
    refused = "augment: the features of model.backbone are those of the images as they are"
    assert refused in attempt("dvc", "repro", "evaluate", cwd=project).stdout
    set_params(project, {"augment": {"rotation": 0.0}, "evaluate": {"shift": 1}})
    refused = "evaluate.shift: cannot be used with model.backbone"
    assert refused in attempt("dvc", "repro", "evaluate", cwd=project).stdout
