from pathlib import Path

import numpy as np
import onnx
import pytest

from src.common.errors import UserError
from src.export.classifier import BATCH, decode_classifier, load_classifier
from src.export.onnx_model import to_onnx
from tests.builders import make_classifier, make_tiny_network

PATH = Path("data/export/model.onnx")


@pytest.fixture(scope="module")
def data() -> bytes:
    network = make_tiny_network()
    return to_onnx([network], make_classifier([network]).description)


def test_images_are_classified_in_batches(data: bytes) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2 * BATCH + 1, 1, 8, 8), np.uint8)
    classifier = decode_classifier(data, PATH)
    probabilities = classifier.predict(images)
    assert probabilities.shape == (len(images), 2)
    assert np.allclose(probabilities[-1:], classifier.predict(images[-1:]), atol=1e-6)


def test_an_image_unlike_all_training_images_is_noticed(data: bytes) -> None:
    classifier = decode_classifier(data, PATH)
    description = classifier.description.model_copy(update={"brightness": (20.0, 60.0), "contrast": (30.0, 90.0)})
    classifier = classifier._replace(description=description)
    image = np.zeros((1, 8, 8), np.uint8)
    image[:, :2] = 160  # a stroke: brightness 40, contrast 69
    assert classifier.compare_with_training(image) == ""
    assert classifier.compare_with_training(255 - image) == "its brightness is 215, and theirs is 20 to 60"
    assert classifier.compare_with_training(image // 4) == (
        "its brightness is 10, and theirs is 20 to 60; its contrast is 17.3, and theirs is 30 to 90"
    )
    description = classifier.description.model_copy(update={"brightness": (10.0, 245.0), "contrast": (11.0, 114.0)})
    classifier = classifier._replace(description=description)
    for level, brightness in ((0, "0"), (255, "255")):
        assert classifier.compare_with_training(np.full((1, 8, 8), level, np.uint8)) == (
            f"its brightness is {brightness}, and theirs is 10 to 245; its contrast is 0, and theirs is 11 to 114"
        )


def test_a_damaged_file_is_reported(data: bytes, tmp_path: Path) -> None:
    for contents in (b"", b"no model", data[: len(data) // 2]):
        (tmp_path / "model.onnx").write_bytes(contents)
        with pytest.raises(UserError, match=r"model.onnx is damaged or not the expected file .*; run `dvc repro "):
            load_classifier(tmp_path / "model.onnx")
    for place in (data.index(b"Conv") + 9, len(data) // 2, data.index(b'"members"') + 11):
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(UserError, match="is damaged or not the expected file"):
            decode_classifier(flipped, PATH)
    with pytest.raises(UserError, match=r"data/export/missing.onnx is missing; run `dvc repro export` to create it"):
        load_classifier(PATH.with_name("missing.onnx"))


def test_other_onnx_files_are_refused(data: bytes) -> None:
    model = onnx.load_from_string(data)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 9
    with pytest.raises(UserError, match=r"inputs and outputs .*\[1, 9, 8\].*, expected .*\[1, 8, 8\]"):
        decode_classifier(model.SerializeToString(), PATH)
    model = onnx.load_from_string(data)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT8
    with pytest.raises(UserError, match=r"inputs and outputs .*tensor\(int8\)', .*expected .*tensor\(uint8\)"):
        decode_classifier(model.SerializeToString(), PATH)
    del model.metadata_props[:]
    with pytest.raises(UserError, match="no metadata 'classifier'"):
        decode_classifier(model.SerializeToString(), PATH)
    with pytest.raises(UserError, match="is damaged"):
        decode_classifier(data.replace(b'"classes":["', b'"classes":["\\u001b'), PATH)


def test_a_model_for_a_newer_onnxruntime_says_so(data: bytes) -> None:
    opset, ir = onnx.load_from_string(data), onnx.load_from_string(data)
    opset.opset_import[0].version = 99
    ir.ir_version = 99
    for model in (opset, ir):
        with pytest.raises(UserError, match=r"needs a newer onnxruntime than [\d.]+; see requirements.txt"):
            decode_classifier(model.SerializeToString(), PATH)
