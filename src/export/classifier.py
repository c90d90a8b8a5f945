"""An exported model: what its file says about itself, and predictions with ONNX Runtime, without PyTorch."""

import re
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import onnxruntime
from pydantic import BaseModel, field_validator

from src.common.dataset import Preprocessing
from src.common.errors import UserError, damaged, recreate
from src.common.files import read_bytes
from src.network.backbone import FATAL, Backbone
from src.pictures.fitting import make_input
from src.pictures.reading import Picture

METADATA_KEY = "classifier"
INPUT, OUTPUT = "images", "probabilities"
BATCH = 100  # images; larger batches are slower, because they do not fit into the processor's caches
NO_CHECKSUM = "00000000"
CHECKSUM = re.compile(rb'("crc32": ?")([0-9a-f]{8})"')


class Description(BaseModel):
    """What an exported model says about itself, as JSON in its metadata.

    image_shape: (C, H, W); preprocessing: how a picture becomes an image; members: how many networks are averaged;
    shift: test-time augmentation averages over all shifts of up to this many pixels; backbone: the network that
    computes the features, if there is one; trained_model_md5: the MD5 of data/train/model.safetensors, for finding the
    commit that recorded it in dvc.lock; brightness: the lowest and the highest of the training images' mean sample
    values; contrast: the same for their standard deviations; crc32: eight hexadecimal digits, the checksum of the file
    with zeros in place of these digits.
    """

    classes: list[str]
    image_shape: tuple[int, int, int]
    preprocessing: Preprocessing
    members: int
    shift: int
    trained_model_md5: str
    backbone: Backbone | None = None
    brightness: tuple[float, float] = (0, 255)
    contrast: tuple[float, float] = (0, 255)
    crc32: str = NO_CHECKSUM

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, names: list[str]) -> list[str]:
        if not all(map(str.isprintable, names)):  # a terminal would obey escape sequences
            raise ValueError("a class name has characters that cannot be printed")
        return names


class Classifier(NamedTuple):
    """A loaded model with its description."""

    session: onnxruntime.InferenceSession
    description: Description

    def make_input(self, picture: Picture) -> np.ndarray:
        """Return a uint8 image (C, H, W) as in the training set; raise UserError as `frame_character` does."""
        return make_input(picture, self.description.preprocessing, self.description.image_shape)

    def compare_with_training(self, image: np.ndarray) -> str:
        """Say how an image (C, H, W) differs from all training images, or return an empty string."""
        differences = []
        brightness, contrast = measure_images(image[None])[0]
        for name, value, (low, high), largest in (
            ("brightness", brightness, self.description.brightness, 255),
            ("contrast", contrast, self.description.contrast, 127.5),
        ):
            margin = 1 + (high - low) / 10  # the next line caps it at half the distance to 0 or to the largest value
            if not low - min(margin, low / 2) <= value <= high + min(margin, (largest - high) / 2):
                differences.append(f"its {name} is {value:.3g}, and theirs is {low:.3g} to {high:.3g}")
        return "; ".join(differences)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Compute probabilities, float32 (N, K), for uint8 images (N, C, H, W), N at least 1."""
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        probabilities = np.concatenate([self.session.run([OUTPUT], {INPUT: batch})[0] for batch in batches])
        if not np.allclose(probabilities.sum(1), 1, atol=1e-3):  # false for NaN, too
            raise UserError(f"the model's probabilities do not sum to 1; {recreate('export')}")
        return probabilities


def measure_images(images: np.ndarray) -> np.ndarray:
    """Compute the mean and the standard deviation (N, 2) of the samples of each image, uint8 (N, C, H, W)."""
    flat = images.reshape(len(images), -1)
    batches = [flat[start : start + BATCH] for start in range(0, len(flat), BATCH)]  # std makes copies in float64
    return np.concatenate([np.stack([batch.mean(1), batch.std(1)], axis=1) for batch in batches])


def load_classifier(path: Path) -> Classifier:
    """Read an exported model.

    Raise UserError if it is missing or damaged, has unexpected inputs or outputs, or needs a newer ONNX Runtime.
    """
    return decode_classifier(read_bytes(path), path)


def decode_classifier(data: bytes, path: Path) -> Classifier:
    """Load the contents of an exported model; path is the file that a UserError names."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        description = Description.model_validate_json(metadata[METADATA_KEY])
        found = [(entry.name, entry.type, entry.shape[1:]) for entry in (*session.get_inputs(), *session.get_outputs())]
        expected = [
            (INPUT, "tensor(uint8)", [*description.image_shape]),
            (OUTPUT, "tensor(float)", [len(description.classes)]),
        ]
        if found != expected:
            raise UserError(f"inputs and outputs {found}, expected {expected}")
        if add_checksum(data) != data:
            raise UserError("the checksum is wrong")
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        if "opset" in str(error) or "IR version" in str(error):
            version = onnxruntime.__version__
            raise UserError(f"{path} needs a newer onnxruntime than {version}; see requirements.txt") from None
        reason = f"no metadata {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise damaged(path, reason) from None
    return Classifier(session, description)


def add_checksum(data: bytes) -> bytes:
    """Set the checksum in the description of an exported model; return the same bytes if it is right or missing."""
    blank = CHECKSUM.sub(rb'\g<1>%s"' % NO_CHECKSUM.encode(), data, count=1)
    return CHECKSUM.sub(rb'\g<1>%08x"' % crc32(blank), data, count=1)
