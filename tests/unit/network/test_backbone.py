"""Features of pretrained networks, with small random ones."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from src.common.errors import UserError
from src.network.backbone import FEATURES, IMAGENET, Extractor, extract_features

KERNEL = np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (20, 3, 12, 12), np.uint8)


@pytest.fixture(autouse=True)
def work_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_backbone(size: int | str = 16, pooled: bool = True, opset: int = 17, **metadata: str) -> onnx.ModelProto:
    """Build a convolution of five channels, which are averaged over the pixels if pooled."""
    nodes = [helper.make_node("Conv", ["pictures", "kernel"], ["maps"], kernel_shape=[3, 3])]
    if pooled:
        nodes += [
            helper.make_node("GlobalAveragePool", ["maps"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
        ]
    shape = [1, 3, size, size]  # one picture at a time
    result = helper.make_tensor_value_info("flat", TensorProto.FLOAT, [1, 5])
    if not pooled:
        result = helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 5, None, None])
    graph = helper.make_graph(
        nodes,
        "backbone",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
        [result],
        [numpy_helper.from_array(KERNEL, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, metadata)
    return model


def write_backbone(folder: Path, **changes: Any) -> Path:
    path = folder / "tiny.onnx"
    path.write_bytes(make_backbone(**changes).SerializeToString())
    return path


def expected_features(images: np.ndarray, size: int, mean: Any, std: Any) -> np.ndarray:
    """Compute the features with PyTorch."""
    pictures = torch.from_numpy(images).float() / 255
    if pictures.shape[1] == 1:
        pictures = pictures.expand(-1, 3, -1, -1)
    pictures = F.interpolate(pictures, size=(size, size), mode="bilinear", align_corners=False)
    pictures = (pictures - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    features: np.ndarray = F.conv2d(pictures, torch.from_numpy(KERNEL)).mean((2, 3)).numpy()
    return features


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("changes", [{}, {"pooled": False}, {"opset": 13}, {"opset": 20}])
def test_features_are_those_of_scaled_and_normalised_pictures(
    tmp_path: Path, channels: int, changes: dict[str, Any]
) -> None:
    images = IMAGES[:, :channels]
    extractor = Extractor(write_backbone(tmp_path, **changes), images.shape[1:])
    assert extractor.backbone.size == 16
    assert extractor.backbone.features == 5
    expected = expected_features(images, 16, **IMAGENET)
    assert np.allclose(extractor.extract(images), expected, atol=1e-4)


def test_size_mean_and_deviation_come_from_the_file(tmp_path: Path) -> None:
    path = write_backbone(tmp_path, size="H", mean="[0.5, 0.4, 0.3]", std="[0.2, 0.2, 0.1]")
    extractor = Extractor(path, (3, 12, 12))
    assert extractor.backbone.size == 224  # any is possible
    expected = expected_features(IMAGES, 224, [0.5, 0.4, 0.3], [0.2, 0.2, 0.1])
    assert np.allclose(extractor.extract(IMAGES), expected, atol=1e-3)


def test_features_are_kept_and_a_damaged_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, folder = Extractor(write_backbone(tmp_path), (3, 12, 12)), tmp_path / FEATURES
    first = extractor.extract(IMAGES)
    (kept,) = folder.iterdir()
    contents = kept.read_bytes()
    kept.write_bytes(contents.replace(first.tobytes()[:9], b"\0" * 9))
    assert np.array_equal(extractor.extract(IMAGES), first)
    assert kept.read_bytes() == contents
    with monkeypatch.context() as context:
        context.setattr(extractor, "_compute", None)
        assert np.array_equal(extractor.extract(IMAGES), first)
    other = extractor.extract(IMAGES[::-1])
    assert np.array_equal(other, first[::-1])
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("factor", [np.nan, 1e30])
def test_features_on_which_training_would_diverge_are_rejected(tmp_path: Path, factor: float) -> None:
    model = make_backbone()
    model.graph.node[-1].output[0] = "before"
    model.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    model.graph.node.append(helper.make_node("Mul", ["before", "factor"], ["flat"]))
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=r"features that are not finite, or too large"):
        Extractor(path, (3, 12, 12)).extract(IMAGES)


def spoil(model: onnx.ModelProto, how: str) -> bytes:
    """Make a backbone unusable."""
    picture = model.graph.input[0].type.tensor_type
    match how:
        case "grey":
            picture.shape.dim[1].dim_value = 1
        case "oblong":
            picture.shape.dim[3].dim_value = 20
        case "integers":
            picture.elem_type = TensorProto.UINT8
        case "domain":
            model.graph.node[0].domain = "com.example"
        case "shape":
            model.graph.output[0].type.tensor_type.ClearField("shape")
        case "output":
            del model.graph.output[:]
        case "operator":
            model.graph.node[0].op_type = "Convolve"
        case "mean":
            helper.set_model_props(model, {"mean": "bright"})
        case "scale":
            helper.set_model_props(model, {"mean": "[124, 116, 104]"})
        case "text":
            return b"not a network"
    spoiled: bytes = model.SerializeToString()
    return spoiled


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("grey", r"expected one input, float \(N, 3, H, W\)"),
        ("integers", r"expected one input, float \(N, 3, H, W\)"),
        ("oblong", "takes images of 16x20 pixels; they must be square"),
        ("domain", "needs operators from com.example"),
        ("shape", "its output must be declared as .* but has no axes"),
        ("output", "has no output"),
        ("operator", "cannot be used"),
        ("mean", "mean in its metadata is 'bright'"),
        ("scale", "must be for RGB from 0 to 1"),
        ("text", "is not an ONNX file"),
    ],
)
def test_other_files_are_rejected(tmp_path: Path, how: str, message: str) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(spoil(make_backbone(), how))
    with pytest.raises(UserError, match=f"model.backbone = .*tiny.onnx.* {message}|model.backbone = .*{message}"):
        Extractor(path, (3, 12, 12))


@pytest.mark.parametrize("how", ["batch", "reshape", "constant"])
def test_every_picture_must_be_treated_by_itself_and_differently(tmp_path: Path, how: str) -> None:
    model = make_backbone()
    nodes, weights = model.graph.node, model.graph.initializer
    nodes[-1].output[0] = "before"
    message = "does not process the images of a batch independently"
    if how == "batch":
        nodes.append(helper.make_node("ReduceMean", ["before"], ["average"], axes=[0]))
        nodes.append(helper.make_node("Sub", ["before", "average"], ["flat"]))
    elif how == "reshape":
        weights.append(numpy_helper.from_array(np.array([1, -1]), "one"))
        nodes.append(helper.make_node("Reshape", ["before", "one"], ["flat"]))
    else:
        nodes.append(helper.make_node("Sub", ["before", "before"], ["flat"]))
        message = "the same features for different images"
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=message):
        Extractor(path, (3, 12, 12))


def test_only_the_folder_backbone_means_none(tmp_path: Path) -> None:
    assert extract_features("backbone", IMAGES) is None
    assert Extractor(write_backbone(tmp_path), (3, 12, 12)).backbone == Extractor(tmp_path, (3, 12, 12)).backbone
    (tmp_path / "backbone").mkdir()
    with pytest.raises(UserError, match=r"is a folder with 0 ONNX files; set it to an ONNX file, or"):
        Extractor(tmp_path / "backbone", (3, 12, 12))
    (tmp_path / "backbone/net.onnx").touch()
    with pytest.raises(
        UserError,
        match=r"model.backbone = backbone means no pretrained network; set it to backbone/net.onnx, or rename",
    ):
        extract_features("backbone", IMAGES)
    (tmp_path / "second.onnx").touch()
    with pytest.raises(UserError, match=r"is a folder with 2 ONNX files; set it to an ONNX file, or"):
        Extractor(tmp_path, (3, 12, 12))
    with pytest.raises(UserError, match="does not exist"):
        Extractor(tmp_path / "missing.onnx", (3, 12, 12))


def test_a_folder_holds_weights_in_other_files(tmp_path: Path) -> None:
    """As torch.onnx writes them."""
    network, folder = make_backbone(), tmp_path / "network"
    folder.mkdir()
    path = folder / "tiny.onnx"
    onnx.save(network, path, save_as_external_data=True, location="tiny.onnx.data", size_threshold=0)
    extractor = Extractor(folder, (3, 12, 12))
    alone = Extractor(write_backbone(tmp_path), (3, 12, 12))
    assert np.array_equal(extractor.extract(IMAGES), alone.extract(IMAGES))
    weights = folder / "tiny.onnx.data"
    weights.write_bytes((2 * KERNEL).tobytes())
    assert Extractor(folder, (3, 12, 12)).backbone.md5 != extractor.backbone.md5
    with pytest.raises(UserError, match="keeps its weights in other files; name a folder that holds them all"):
        Extractor(path, (3, 12, 12))
    weights.unlink()
    with pytest.raises(UserError, match="its weights cannot be read"):
        Extractor(folder, (3, 12, 12))


def test_constants_may_lie_in_other_files_and_unused_domains_do_not_matter(tmp_path: Path) -> None:
    network, folder = make_backbone(), tmp_path / "network"
    expected = Extractor(write_backbone(tmp_path), (3, 12, 12)).extract(IMAGES)
    (kernel,) = network.graph.initializer
    network.graph.node.insert(0, helper.make_node("Constant", [], ["kernel"], value=kernel))
    del network.graph.initializer[:]
    network.opset_import.append(helper.make_opsetid("com.example", 99))
    folder.mkdir()
    onnx.save(network, folder / "tiny.onnx", save_as_external_data=True, size_threshold=0, convert_attribute=True)
    assert [path.name != "tiny.onnx" for path in folder.iterdir()].count(True) == 1
    assert np.array_equal(Extractor(folder, (3, 12, 12)).extract(IMAGES), expected)


def test_weights_outside_the_folder_are_rejected(tmp_path: Path) -> None:
    network, folder = make_backbone(), tmp_path / "network"
    folder.mkdir()
    onnx.save(network, tmp_path / "tiny.onnx", save_as_external_data=True, location="secret", size_threshold=0)
    contents = (tmp_path / "tiny.onnx").read_bytes()
    (folder / "tiny.onnx").write_bytes(contents)
    for place in ("../secret", str(tmp_path / "secret")):
        spoiled = onnx.load_from_string(contents)
        spoiled.graph.initializer[0].external_data[0].value = place
        (folder / "tiny.onnx").write_bytes(spoiled.SerializeToString())
        with pytest.raises(UserError, match="its weights cannot be read"):
            Extractor(folder, (3, 12, 12))
