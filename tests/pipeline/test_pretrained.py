"""The pipeline with a backbone, a small random one, on scikit-learn's digits."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from src.common.artifacts import LayerSize, Prediction
from src.common.dataset import Dataset
from src.common.files import read_csv
from src.download.sources import load_small_digits
from src.export.classifier import load_classifier
from src.network.backbone import Extractor
from tests.helpers import NEW_PROCESSES, ROOT, attempt, run, set_params, stages_run
from tests.unit.network.test_backbone import make_backbone


def test_a_backbone_is_versioned_joined_with_the_classifier_and_cached(project: Path, tmp_path: Path) -> None:
    published, path = tmp_path / "published.onnx", project / "tiny.onnx"
    published.write_bytes(make_backbone(size=8, opset=20).SerializeToString())
    run("dvc", "import-url", "--quiet", f"{published}", path.name, cwd=project)
    set_params(project, {"model": {"backbone": "tiny.onnx"}, "train": {"learning_rate": 0.05}})
    output = run("dvc", "repro", cwd=project)
    assert stages_run(output) == ["train", "evaluate", "report", "export"]
    assert "same predictions as PyTorch on all 360 test images" in output
    assert re.search(r"may have a wrong label \(the network contradicts \d+% of the validation labels, so many", output)
    layers = read_csv(project / "data/train/layers.csv", LayerSize)
    assert (layers[0].layer, layers[0].shape) == ("features of tiny.onnx", "5")
    card = (project / "data/export/model.md").read_text()
    assert "tiny.onnx" in card
    assert "ONNX opset 20" in card
    assert f"from {published}" in card
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
    assert "the model was trained with the backbone tiny.onnx (MD5 " in result.stdout
    assert stages_run(run("dvc", "repro", "evaluate", cwd=project)) == ["train", "evaluate"]


def test_the_guide_makes_a_backbone_of_published_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (ROOT / "docs/pretrained.md").read_text()
    (tmp_path / "lite0.py").write_text(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0])
    install, export, *_ = re.findall(r"^\$ (.*)$", guide, re.MULTILINE)
    python = f"{sys.executable} -m "
    run("bash", "-c", python + install, cwd=tmp_path)
    run("bash", "-c", export, cwd=tmp_path, **NEW_PROCESSES)
    monkeypatch.chdir(tmp_path)
    extractor = Extractor(tmp_path / "lite0.onnx", (1, 28, 28))
    assert (extractor.backbone.size, extractor.backbone.features) == (224, 1280)
    assert extractor.backbone.mean == (0.498,) * 3
    images = load_small_digits()[0].images[:4]
    features = extractor.extract(np.repeat(np.repeat(images, 2, 2), 2, 3)[..., :28, :28])
    assert len(np.unique(features.round(3), axis=0)) == 4
