"""The code in the model card that classifies a picture with Pillow, NumPy and ONNX Runtime alone.

It does what src/pictures does, except for framing and for rare kinds of files: floating-point samples, 16-bit TIFF
files in which 0 is white, colour samples of more than 8 bits if preprocessing.bits is not 16, strips a few pixels wide,
and files that break their format's rules.
"""

from typing import NamedTuple

from src.common.dataset import InputFit, Preprocessing
from src.pictures.framing import BLACK_BORDER, MAX_OFF_CENTRE, MIN_FILLING, MIN_FRAMED, MIN_INK


class Loader(NamedTuple):
    """What the model card says about a way to fit a picture, and the lines of code that fit it."""

    description: str
    code: str


IN_SIZE = Loader(
    "The code classifies images like those of the dataset: of the same size, light on black, and framed alike. For"
    " photos, scans and drawings, use `python -m tools.predict` in the repository that trained the model; it isolates"
    " and frames the ink.",
    f"""\
pixels = np.atleast_3d(picture).max(2)
border = np.concatenate([pixels[[0, -1]].ravel(), pixels[:, [0, -1]].ravel()])
dark = np.median(border) < {BLACK_BORDER} and pixels.max() >= {MIN_INK}
ink = (np.argwhere(pixels >= min({MIN_INK}, pixels.max())) - np.divide(pixels.shape, 2) + 0.5) / min(size)
framed = np.ptp(ink, 0).max() >= ({MIN_FRAMED} if abs(ink.mean(0)).max() < {MAX_OFF_CENTRE} else {MIN_FILLING})
if picture.size != size or not (dark and framed):
    sys.exit("the picture must be like the dataset's images: of their size, light on black, and framed alike")
""",
)
LOADERS: dict[InputFit, Loader] = {
    "character": IN_SIZE,
    "drawing": IN_SIZE,
    "crop": Loader(
        "A picture is scaled until it covers the image, and its centre is kept.",
        """\
picture = ImageOps.fit(picture, size)
""",
    ),
    "pad": Loader(
        "A picture is scaled until it fits into the image, and the rest is filled with the median colour of its"
        " border.",
        """\
pixels = np.atleast_3d(picture)
border = np.concatenate([*pixels[[0, -1]], *pixels[:, [0, -1]].swapaxes(0, 1)])
picture = ImageOps.pad(picture, size, color=tuple(np.median(border, 0).round().astype(int).tolist()))
""",
    ),
    "stretch": Loader(
        "A picture is scaled to the size of the image, each axis independently.",
        """\
picture = picture.resize(size)
""",
    ),
}


def loader_code(preprocessing: Preprocessing, channels: int) -> str:
    """Return Python code, at most 26 lines, that classifies the picture named on the command line."""
    to_grey, axes = ("", ".transpose(2, 0, 1)[None]") if channels == 3 else ('.convert("L")', "[None, None]")
    # `paper` is used only for images like MNIST's, which have no transparency, so any colour will do.
    background = preprocessing.background.replace("paper", "black")
    return f"""\
import json
import os
import sys
import numpy as np
from PIL import Image, ImageOps

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or ONNX Runtime sends usage data to its vendor
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
model = json.loads(session.get_modelmeta().custom_metadata_map["classifier"])
size = tuple(model["image_shape"][:0:-1])  # width and height
picture = ImageOps.exif_transpose(Image.open(sys.argv[1]))
if picture.mode.startswith("I"):  # more than 8 bits
    picture = Image.fromarray((np.asarray(picture) >> {preprocessing.bits - 8}).clip(0, 255).astype(np.uint8))
if picture.has_transparency_data:
    background = Image.new("RGBA", picture.size, "{background}")
    picture = Image.alpha_composite(background, picture.convert("RGBA"))
picture = picture.convert("RGB"){to_grey}
{LOADERS[preprocessing.fit].code}\
[probabilities] = session.run(None, {{"images": np.asarray(picture){axes}}})[0]
print(f"{{model['classes'][probabilities.argmax()]}}: {{probabilities.max():.1%}}")
"""
