"""A pretrained network that turns images into features: any ONNX file, which ONNX Runtime runs."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from src.common.errors import UserError
from src.common.files import load_arrays, read_bytes, save_arrays, shared_folder
from src.common.text import count
from src.network.params import NO_BACKBONE

FEATURES = ".features"  # the folder of cached features
MAX_FILES = 8  # in that folder
BATCH = 16  # images
SIZE = 224  # pixels, if the file takes images of any size
FATAL = 4  # one of ONNX Runtime's log levels; what would be logged as an error is also raised
Triple = tuple[float, float, float]
IMAGENET: dict[str, Triple] = {
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
STANDARD = {"", "ai.onnx"}  # the domain of ONNX's own operators
OPSET = 17  # at least
LARGEST = 1e6  # magnitude of a feature; with larger ones, training diverges
INPUT, OUTPUT, PREFIX = "images", "features", "backbone."
FLOAT = 1  # of ONNX's TensorProto.DataType
ADVICE = "set it to an ONNX file, or a folder with one (docs/pretrained.md), or to backbone for no pretrained network"


class Backbone(BaseModel):
    """The backbone that the networks of a model file were trained with.

    file: its name; md5: the hash of its contents and of the weights that it keeps in other files; size: the side of the
    images it takes; mean, std: how their channels are normalised; features: how many it computes.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    md5: str
    size: int
    mean: Triple
    std: Triple
    features: int


class BackboneFeatures(NamedTuple):
    """The features float32 (N, F) of images, and the backbone that computed them."""

    backbone: Backbone
    values: np.ndarray


class Extractor:
    """A backbone with what comes before and after it: maps images uint8 (N, C, H, W) to features float32 (N, F).

    Grey images are repeated over the channels; then all images are scaled to the size that the backbone takes, and
    normalised with ImageNet's mean and standard deviation, or those in the file's metadata. Features (N, F, h, w) are
    averaged over h and w. path: an ONNX file, or a folder with one and the files that hold its weights. Raise
    UserError if the file cannot be used as a backbone.
    """

    def __init__(self, path: Path, image_shape: tuple[int, int, int], threads: int = 0) -> None:
        import onnxruntime  # here, like onnx below, because it is slow and most runs do not need it

        self.path = path
        file = _find_file(path)
        backbone, md5 = _read(path, file)
        size, mean, std = _read_preprocessing(backbone, path)
        try:
            self.model = _add_preprocessing(backbone, image_shape, size, mean, std)
            options = onnxruntime.SessionOptions()
            options.log_severity_level = FATAL
            options.intra_op_num_threads = threads
            self.session = onnxruntime.InferenceSession(
                self.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            images = np.random.default_rng(0).integers(0, 256, (2, *image_shape), np.uint8)
            together, *alone = (self.session.run([OUTPUT], {INPUT: batch})[0] for batch in (images, *images[:, None]))
        except Exception as error:  # ONNX's and ONNX Runtime's exceptions have no common base class
            raise UserError(f"model.backbone = {path} cannot be used: {str(error).splitlines()[0]}") from None
        _check_features(together, np.concatenate(alone), path)
        self.runtime = f"{onnxruntime.__version__} {threads}"
        self.backbone = Backbone(file=file.name, md5=md5, size=size, mean=mean, std=std, features=together.shape[1])

    def extract(self, images: np.ndarray) -> np.ndarray:
        """Compute the features float32 (N, F) of images uint8 (N, C, H, W), or read them from .features.

        Raise UserError if a feature is too large, or not finite.
        """
        folder = shared_folder(FEATURES)
        digest = hashlib.sha256(f"{self.runtime} {images.shape}".encode())
        digest.update(self.model.SerializeToString(deterministic=True))
        digest.update(np.ascontiguousarray(images).data)
        path = folder / f"{digest.hexdigest()[:16]}.npz"
        try:
            features = load_arrays(path, features=(np.float32, 2))["features"]
        except UserError:  # missing, or damaged
            features = np.empty((0, 0), np.float32)
        if features.shape != (len(images), self.backbone.features) or not np.isfinite(features).all():
            features = self._compute(images)
            save_arrays(path, features=features)
            with suppress(FileNotFoundError):  # another process has just removed one
                for old in sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)[:-MAX_FILES]:
                    old.unlink()
        return features

    def _compute(self, images: np.ndarray) -> np.ndarray:
        features = np.empty((len(images), self.backbone.features), np.float32)
        with tqdm(total=len(images), desc="features", unit="image", leave=False, disable=None) as progress:
            for start in range(0, len(images), BATCH):
                batch = images[start : start + BATCH]
                features[start : start + BATCH] = self.session.run([OUTPUT], {INPUT: batch})[0]
                progress.update(len(batch))
        if not (np.abs(features) < LARGEST).all():  # also if one is NaN
            raise UserError(f"model.backbone = {self.path} gives features that are not finite, or too large")
        return features


def open_extractor(name: str, image_shape: tuple[int, int, int], threads: int = 0) -> Extractor | None:
    """Load the backbone that model.backbone names, or return None if it names none.

    threads: how many ONNX Runtime uses; 0 for one per core.
    """
    if name == NO_BACKBONE:
        if files := [*Path(name).glob("*.onnx")]:
            raise UserError(
                f"model.backbone = {name} means no pretrained network; set it to {files[0]}, or rename the folder"
            )
        return None
    return Extractor(Path(name), image_shape, threads)


def extract_features(name: str, images: np.ndarray, threads: int = 0) -> BackboneFeatures | None:
    """Compute the features of images uint8 (N, C, H, W) with the backbone, or return None if there is none."""
    extractor = open_extractor(name, images.shape[1:], threads)
    return BackboneFeatures(extractor.backbone, extractor.extract(images)) if extractor else None


def _find_file(path: Path) -> Path:
    """Return the ONNX file at the path, or the only one in the folder there."""
    files = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
    if len(files) != 1:
        raise UserError(f"model.backbone = {path} is a folder with {count('ONNX file', len(files))}; {ADVICE}")
    if not files[0].is_file():
        raise UserError(f"model.backbone = {path} does not exist; {ADVICE}")
    return files[0]


def _read(path: Path, file: Path) -> tuple[Any, str]:
    """Read an ONNX file and, if path is its folder, the weights in other files; return the model and its MD5."""
    import onnx
    from onnx import external_data_helper as external

    contents = read_bytes(file)
    try:
        model = onnx.load_from_string(contents)
    except Exception:  # protobuf's DecodeError, among others
        model = onnx.ModelProto()
    if not (model.graph.node and model.graph.output):
        raise UserError(f"model.backbone = {path} is not an ONNX file, or has no output")
    tensors = [tensor for tensor in external._get_all_tensors(model) if external.uses_external_data(tensor)]
    if tensors and path == file:
        # DVC would not notice a change in the other files.
        raise UserError(f"model.backbone = {path} keeps its weights in other files; name a folder that holds them all")
    md5 = hashlib.md5(contents, usedforsecurity=False)
    for tensor in tensors:
        try:
            external.load_external_data_for_tensor(tensor, str(path))  # refuses files outside the folder
        except Exception as error:  # ONNX's ValidationError, OSError and others
            raise UserError(f"model.backbone = {path}: its weights cannot be read: {error}") from None
        md5.update(tensor.raw_data)
    return model, md5.hexdigest()


def _check_features(together: np.ndarray, alone: np.ndarray, path: Path) -> None:
    """Raise UserError if the features (2, F) of two images are equal, or depend on whether these share a batch."""
    if together.shape != alone.shape or not np.allclose(together, alone, 1e-3, 1e-5, equal_nan=True):
        raise UserError(f"model.backbone = {path} does not process the images of a batch independently")
    if np.ptp(together, axis=0).max() == 0:
        raise UserError(f"model.backbone = {path} gives the same features for different images")


def _read_preprocessing(model: Any, path: Path) -> tuple[int, Triple, Triple]:
    """Return the size of the images that a backbone takes, and the mean and standard deviation of their channels."""
    inputs = [entry.type.tensor_type for entry in _list_inputs(model)]
    shapes = [[dim.dim_value or dim.dim_param or "?" for dim in entry.shape.dim] for entry in inputs]
    if len(inputs) != 1 or inputs[0].elem_type != FLOAT or len(shapes[0]) != 4 or shapes[0][1] != 3:
        found = [f"{shape} of type {entry.elem_type}" for entry, shape in zip(inputs, shapes, strict=True)]
        raise UserError(
            f"model.backbone = {path}: expected one input, float (N, 3, H, W), which is ONNX's type {FLOAT}; found"
            f" {', '.join(found)}"
        )
    _, _, height, width = shapes[0]
    if isinstance(height, int) and height != width:
        raise UserError(f"model.backbone = {path} takes images of {height}x{width} pixels; they must be square")
    if domains := sorted({node.domain for node in model.graph.node} - STANDARD):
        raise UserError(f"model.backbone = {path} needs operators from {', '.join(domains)}, which are not ONNX's")
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    mean, std = (_parse(metadata[key], key, path) if key in metadata else IMAGENET[key] for key in IMAGENET)
    if not all(0 <= value <= 1 for value in (*mean, *std)) or min(std) == 0:
        raise UserError(f"model.backbone = {path}: its mean, {mean}, and std, {std}, must be for RGB from 0 to 1")
    return height if isinstance(height, int) else SIZE, mean, std


def _list_inputs(model: Any) -> list[Any]:
    weights = {tensor.name for tensor in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in weights]


def _parse(text: str, key: str, path: Path) -> Triple:
    try:
        first, second, third = map(float, json.loads(text))
    except (ValueError, TypeError):
        raise UserError(f"model.backbone = {path}: {key} in its metadata is {text!r}, expected [R, G, B]") from None
    return first, second, third


def _add_preprocessing(backbone: Any, image_shape: tuple[int, int, int], size: int, mean: Triple, std: Triple) -> Any:
    """Return a model that maps images uint8 (N, C, H, W) to the features (N, F) of a backbone."""
    from onnx import TensorProto, compose, helper, numpy_helper, version_converter

    opset = max((entry.version for entry in backbone.opset_import if entry.domain in STANDARD), default=1)
    if opset < OPSET:
        backbone, opset = version_converter.convert_version(backbone, OPSET), OPSET
    backbone = compose.add_prefix(backbone, PREFIX)
    (entry_point,) = _list_inputs(backbone)
    entry_point.type.tensor_type.shape.dim[0].dim_param = "N"  # many files declare a batch of one
    output, *_ = backbone.graph.output
    rank = len(output.type.tensor_type.shape.dim)
    if rank not in (2, 4):
        raise UserError(f"its output must be declared as (N, F) or (N, F, h, w), but has {rank or 'no'} axes")
    del backbone.graph.output[1:]
    del backbone.graph.value_info[:]
    output.type.tensor_type.shape.dim[0].dim_param = "N"
    constants = {
        "channels": np.array([1, 3, 1, 1]),  # repeats grey, and leaves RGB as it is
        "sizes": np.array([size, size]),
        "rgb": np.array([3]),
        "mean": 255 * np.array(mean, np.float32)[:, None, None],
        "std": 255 * np.array(std, np.float32)[:, None, None],
    }
    before = [
        helper.make_node("Cast", [INPUT], ["samples"], to=TensorProto.FLOAT),
        helper.make_node("Expand", ["samples", "channels"], ["repeated"]),
        helper.make_node("Shape", ["samples"], ["count"], start=0, end=1),
        helper.make_node("Concat", ["count", "rgb", "sizes"], ["shape"], axis=0),
        helper.make_node(
            "Resize",
            ["repeated", "", "", "shape"],
            ["resized"],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        ),
        helper.make_node("Sub", ["resized", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], [entry_point.name]),
    ]
    after = [helper.make_node("GlobalAveragePool", [output.name], ["pooled"])] if rank == 4 else []
    after.append(helper.make_node("Flatten", ["pooled" if rank == 4 else output.name], [OUTPUT]))
    graph = helper.make_graph(
        [*before, *backbone.graph.node, *after],
        "features",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *image_shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", None])],
        [*(numpy_helper.from_array(value, name) for name, value in constants.items()), *backbone.graph.initializer],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=backbone.ir_version)
