"""The code in the model card that classifies a picture with Pillow, NumPy and ONNX Runtime alone.

It fits pictures as src/common/pictures.py does. A photo of a character is framed in a simpler way than in
src/predict/framing.py, for even paper and dark ink.
"""

from src.common.pictures import InputFit

IMPORTS = {"character": "Image, ImageChops, ImageFilter, ImageOps"}
FITS: dict[InputFit, str] = {
    "crop": """\
picture = ImageOps.fit(picture, size)
""",
    "pad": """\
pixels = np.atleast_3d(picture)
border = np.concatenate([*pixels[[0, -1]], *pixels[:, [0, -1]].swapaxes(0, 1)])
picture = ImageOps.pad(picture, size, color=tuple(np.median(border, 0).round().astype(int).tolist()))
""",
    "stretch": """\
picture = picture.resize(size)
""",
    "character": """\
if picture.size != size:  # a photo: turn dark ink on light paper into light ink on black, and centre it
    picture.thumbnail((256, 256))
    ink = ImageChops.subtract(picture.filter(ImageFilter.GaussianBlur(20)), picture, scale=0.3, offset=-100)
    picture = ImageOps.pad(ImageOps.expand(ink.crop(ink.getbbox()), 25).filter(ImageFilter.MaxFilter(5)), size)
""",
}


def loader_code(fit: InputFit, channels: int) -> str:
    """Return at most 15 lines of Python, without empty lines, that classify the picture named on the command line."""
    mode, axes = ("RGB", ".transpose(2, 0, 1)[None]") if channels == 3 else ("L", "[None, None]")
    return f"""\
import json
import sys
import numpy as np
import onnxruntime
from PIL import {IMPORTS.get(fit, "Image, ImageOps")}

session = onnxruntime.InferenceSession("model.onnx")
model = json.loads(session.get_modelmeta().custom_metadata_map["classifier"])
size = tuple(model["image_shape"][:0:-1])  # width and height
picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")
{FITS[fit]}\
[probabilities] = session.run(None, {{"images": np.asarray(picture){axes}}})[0]
print(f"{{model['classes'][probabilities.argmax()]}}: {{probabilities.max():.1%}}")
"""
