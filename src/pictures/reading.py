"""Read picture files: what a file holds, however it is stored, and its samples as 8-bit grey or RGB."""

import os
import re
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from src.common.dataset import Preprocessing
from src.common.errors import UserError

FORMATS = ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"]  # those that Pillow recognises reliably, by their first bytes
ORIENTATION = 0x0112  # in EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The chunks of a PNG that decide what it shows; others may be of any length, or damaged.
XMP = b"iTXtXML:com.adobe.xmp\0\0"  # the beginning of uncompressed XMP metadata, which may hold the orientation
PNG_SIGNATURE, PNG_CHUNKS = b"\x89PNG\r\n\x1a\n", (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
# Pillow keeps only the high byte of 16-bit colour samples; decoding in the opposite byte order gives the low byte.
SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
LOW_BYTES = {f"{bands};16{order}": f"{bands};16{SWAPPED[order]}" for bands in ("RGB", "RGBA") for order in "BLN"}
LOW_BYTES["LA;16B"] = "RGBA"
WITH_FRAMES = (b"II", b"MM", b"GIF", b"RIFF")  # the first bytes of TIFF, GIF and WebP
DIGEST_SIZE = 16  # bytes
WHITE_IS_ZERO = 0  # one of TIFF's photometric interpretations
# The first bytes of other files that people take for pictures, as regular expressions.
KINDS = (
    (rb"$", "an empty file"),
    (rb"....ftyp(hei|hev|mif|msf)", "a HEIC picture; convert it to JPEG or PNG"),
    (rb"....ftypavi[fs]", "an AVIF picture; convert it to JPEG or PNG"),
    (rb"....ftyp", "a video"),
    (rb"P[1-7]\s", "a PPM, PGM or PBM picture; convert it to PNG"),
    (rb"(\x00\x00\x00\x0cJXL |\xff\x0a)", "a JPEG XL picture; convert it to JPEG or PNG"),
    (rb"(\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51)", "a JPEG 2000 picture; convert it to PNG"),
    (rb"version https://git-lfs", "a Git LFS pointer, not the picture itself; run `git lfs pull`"),
    (rb"\s*(<!DOCTYPE html|<html|<head)", "an HTML page"),
    (rb"\s*(<\?xml.*)?<svg", "an SVG drawing; convert it to PNG"),
    (rb"8BPS", "a Photoshop file; export it as PNG"),
    (rb"%PDF", "a PDF file"),
    (rb"\x00\x00[\x01\x02]\x00", "a Windows icon; convert it to PNG"),
    (rb"PK\x03\x04", "a ZIP archive"),
)


class Picture(NamedTuple):
    """The decoded samples of a picture, upright.

    samples: uint8, uint16 or float32 (H, W, B), where the B bands are grey, grey and opacity, RGB, or RGB and opacity.
    remark: what of the file is clipped or not used, or an empty string.
    """

    samples: np.ndarray
    remark: str = ""

    def digest(self) -> bytes:
        """Hash the samples into 16 bytes; grey counts as RGB, and an opaque alpha channel as none.

        This identifies a picture everywhere. No parameter changes it, because it is taken before anything is converted.
        """
        samples = self.samples
        height, width, bands = samples.shape
        colours = samples[:, :, : bands - 1] if bands in (2, 4) else samples
        contents = colours.repeat(3 // colours.shape[2], axis=2).tobytes()
        if bands in (2, 4) and (samples[:, :, -1] != opaque(samples.dtype)).any():
            contents += samples[:, :, -1].tobytes()
        depth = "" if samples.dtype == np.uint8 else samples.dtype.name
        return blake2b(repr((width, height)).encode() + depth.encode() + contents, digest_size=DIGEST_SIZE).digest()

    def to_image(self, preprocessing: Preprocessing) -> Image.Image:
        """Convert to 8 bits, and replace transparency by the background; return a picture in mode L or RGB."""
        samples = self.samples
        if samples.dtype == np.float32:
            samples = (np.nan_to_num(samples, nan=0.0, posinf=0.0).clip(0, 1) * 255).round().astype(np.uint8)
        elif samples.dtype == np.uint16:
            shifts = np.full(samples.shape[2], preprocessing.bits - 8)
            if samples.shape[2] in (2, 4):
                shifts[-1] = 8  # opacity always uses all 16 bits
            samples = np.minimum(samples >> shifts.astype(np.uint16), 255).astype(np.uint8)
        if samples.shape[2] in (1, 3):
            return Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
        picture = Image.fromarray(samples).convert("RGBA")
        background = preprocessing.background
        if background == "paper":  # black behind light ink, white behind dark ink
            opacity = samples[:, :, -1]
            light_ink = opacity.any() and np.average(np.asarray(picture.convert("L")), weights=opacity) > 127
            background = "black" if light_ink else "white"
        return Image.alpha_composite(Image.new("RGBA", picture.size, background), picture).convert("RGB")


def digest_images(images: np.ndarray) -> np.ndarray:
    """Return the digests uint8 (N, 16) of images uint8 (N, C, H, W) that have no files, as if each were a picture."""
    digests = b"".join(Picture(image.transpose(1, 2, 0)).digest() for image in images)
    return np.frombuffer(digests, np.uint8).reshape(len(images), DIGEST_SIZE)


def opaque(dtype: np.dtype[Any]) -> int:
    """Return the opacity of an opaque pixel."""
    return 1 if dtype == np.float32 else int(np.iinfo(dtype).max)


def read_picture(file: Path | str | BinaryIO) -> Picture:
    """Read a PNG, JPEG, BMP, TIFF, WebP or GIF file, whatever its name.

    Of several frames or pages, only the first is read. Raise UserError, which says why, if the file is missing,
    damaged, too large or not such a picture.
    """
    data = b""
    try:
        data = Path(file).read_bytes() if isinstance(file, Path | str) else file.read()
        with warnings.catch_warnings(action="ignore"):  # about large pictures
            picture = _decode(data)
            with suppress(Exception):  # damage in later frames does not matter
                frames = getattr(_open(data), "n_frames", 1) if data.startswith(WITH_FRAMES) else 1
                if frames > 1:
                    remark = f"only the first of {frames:,} pages or frames is used"
                    picture = picture._replace(remark=", and ".join(filter(None, (picture.remark, remark))))
            return picture
    except (Image.DecompressionBombError, MemoryError):
        raise UserError("too many pixels; reduce the picture's size") from None
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise all kinds of exceptions on damaged files
        raise UserError(getattr(error, "strerror", None) or _identify(data, error)) from None


def _decode(data: bytes) -> Picture:
    """Decode the first frame and turn it upright."""
    if data.startswith(PNG_SIGNATURE):
        data = _keep_chunks(data)
    picture = _open(data)
    raw_mode = _raw_mode(picture)
    try:
        with _raise_fax_errors() if picture.info.get("compression") == "group4" else nullcontext():
            picture.load()
    except OSError:
        if picture.format != "JPEG":
            raise
        picture = _load_without_end(data)
    turn = TURNS.get(_read_orientation(picture))

    def upright(layer: Image.Image) -> np.ndarray:
        return np.ascontiguousarray(np.atleast_3d(np.asarray(layer if turn is None else layer.transpose(turn))))

    samples = upright(picture)
    if picture.mode.startswith(("I", "F")):
        finite, largest = samples[np.isfinite(samples)], 1 if picture.mode == "F" else 2**16 - 1
        remark = ""
        if finite.size and (finite.min() < 0 or finite.max() > largest):
            remark = (
                f"samples from {finite.min():,.6g} to {finite.max():,.6g} are clipped to the range 0 to {largest:,}"
            )
        if picture.mode != "F":
            samples = samples.clip(0, 2**16 - 1).astype(np.uint16)
        if isinstance(picture, TiffImageFile) and picture.tag_v2.get(PHOTOMETRIC_INTERPRETATION, 0) == WHITE_IS_ZERO:
            samples = np.subtract(opaque(samples.dtype), samples, dtype=samples.dtype)
        return Picture(samples, remark)
    if raw_mode in LOW_BYTES:
        low = _open(data)
        low.tile = [tile._replace(args=_replace_raw_mode(tile.args, LOW_BYTES[raw_mode])) for tile in low.tile]
        if raw_mode == "LA;16B":  # the four bytes of a pixel, as if they were the four bands of an 8-bit picture
            both = upright(low)
            return _join_bytes(both[:, :, [0, 2]], both[:, :, [1, 3]])
        return _join_bytes(samples, upright(low))
    return Picture(upright(_simplify(picture)))


@contextmanager
def _raise_fax_errors() -> Iterator[None]:
    """Raise UserError if libtiff prints that a fax-compressed TIFF is damaged; it decodes wrong pixels nonetheless."""
    with TemporaryFile() as printed:
        stderr = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        printed.seek(0)
        if b"Fax" in printed.read():
            raise UserError("a damaged picture")


def _join_bytes(high: np.ndarray, low: np.ndarray) -> Picture:
    return Picture(high.astype(np.uint16) << 8 | low)


def _open(data: bytes) -> ImageFile.ImageFile:
    return Image.open(BytesIO(data), formats=FORMATS)


def _keep_chunks(data: bytes) -> bytes:
    """Keep the chunks of a PNG that decide what it shows; others may be too long or damaged.

    Raise UserError if the checksum of the pixels is wrong, which Pillow does not check.
    """
    kept, position = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + length + 12
        content, checksum = data[position + 4 : end - 4], data[end - 4 : end]
        is_intact = crc32(content).to_bytes(4) == checksum
        if kind in PNG_CHUNKS or (is_intact and content.startswith(XMP)):
            kept.append(data[position:end])
        if kind == b"IDAT" and end <= len(data) and not is_intact:
            raise UserError("a damaged picture (wrong checksum)")
        position = end
    return b"".join(kept)


def _load_without_end(data: bytes) -> ImageFile.ImageFile:
    """Decode a JPEG that lacks only its end marker; raise UserError if pixels are missing.

    If none are missing, the decoder ignores further bytes; otherwise, it takes them for pixels.
    """
    body = data.rstrip(b"\xff")
    picture, other = (_open(body + more + b"\xff\xd9") for more in (b"", b"\x5a" * 64))
    if not np.array_equal(np.asarray(picture), np.asarray(other)):
        raise UserError("a truncated JPEG picture")
    return picture


def _read_orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF data may be damaged in any way, and is then ignored
        return 1


def _raw_mode(picture: ImageFile.ImageFile) -> str:
    """Return how the samples are stored, in Pillow's terms."""
    arguments = picture.tile[0].args if len(picture.tile) else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _replace_raw_mode(arguments: Any, raw_mode: str) -> Any:
    return (raw_mode, *arguments[1:]) if isinstance(arguments, tuple) else raw_mode


def _simplify(picture: Image.Image) -> Image.Image:
    """Convert a picture of 8 bits in any of Pillow's modes to L, RGB or RGBA."""
    if picture.mode == "RGBA" and picture.format == "BMP" and not np.asarray(picture)[:, :, 3].any():
        return picture.convert("RGB")  # all pixels would be transparent: the fourth band is not used
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode in ("L", "RGB"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _identify(data: bytes, error: Exception) -> str:
    """Say what kind of file cannot be read."""
    for pattern, kind in KINDS:
        if re.match(pattern, data[:1000], re.DOTALL | re.IGNORECASE):
            return kind
    if not isinstance(error, UnidentifiedImageError):
        return f"a damaged picture ({error})"
    if data.startswith((PNG_SIGNATURE, b"\xff\xd8", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")):
        return "a damaged picture, or one of an unusual kind; convert it to PNG"
    return "not a PNG, JPEG, BMP, TIFF, WebP or GIF picture"
