"""The code in the model card that classifies a picture with Pillow, NumPy and ONNX Runtime alone.

It fits pictures as src/pictures/pictures.py does. A photo of a character is framed in a simpler way than in
src/pictures/framing.py, for even paper and dark ink.
"""

from typing import NamedTuple

from src.common.dataset import InputFit


class Loader(NamedTuple):
    """What the model card says about a way to fit a picture, and the lines of code that do it."""

    description: str
    code: str
    imports: str = "Image, ImageOps"


LOADERS: dict[InputFit, Loader] = {
    "character": Loader(
        "An image of the dataset is used unchanged. The code turns a photo of one character, in dark ink on light"
        " paper, into such an image. `python -m tools.predict`, in the repository of the training, also handles light"
        " ink, specks, and strokes of any width.",
        """\
if picture.size != size:  # a photo: turn dark ink on light paper into light ink on black, and centre it
    picture.thumbnail((256, 256))
    ink = ImageChops.subtract(picture.filter(ImageFilter.GaussianBlur(20)), picture, scale=0.3, offset=-100)
    picture = ImageOps.pad(ImageOps.expand(ink.crop(ink.getbbox()), 25).filter(ImageFilter.MaxFilter(5)), size)
""",
        "Image, ImageChops, ImageFilter, ImageOps",
    ),
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
        "A picture is scaled to the size of the image, along each axis by itself.",
        """\
picture = picture.resize(size)
""",
    ),
}


def loader_code(fit: InputFit, channels: int) -> str:
    """Return at most 15 lines of Python, without empty lines, that classify the picture named on the command line."""
    mode, axes = ("RGB", ".transpose(2, 0, 1)[None]") if channels == 3 else ("L", "[None, None]")
    return f"""\
import json
import sys
import numpy as np
import onnxruntime
from PIL import {LOADERS[fit].imports}

session = onnxruntime.InferenceSession("model.onnx")
model = json.loads(session.get_modelmeta().custom_metadata_map["classifier"])
size = tuple(model["image_shape"][:0:-1])  # width and height
picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")
{LOADERS[fit].code}\
[probabilities] = session.run(None, {{"images": np.asarray(picture){axes}}})[0]
print(f"{{model['classes'][probabilities.argmax()]}}: {{probabilities.max():.1%}}")
"""
