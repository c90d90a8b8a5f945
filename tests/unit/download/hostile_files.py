"""Files that a folder of pictures may hold: unusual ones with the picture they show, and useless ones with the reason.

Every picture is different, so that none counts as a copy of another.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageChops

SIDE = 32
NOT_A_PICTURE = "not a PNG, JPEG, BMP, TIFF, WebP or GIF picture"
ORIENTATION = 0x0112
# What a file shows, in RGB, and how far the mean of its pixels may be from it: above 0 for lossy formats.
Shown = tuple[Image.Image, float]


def make_grey(seed: int) -> Image.Image:
    """A ramp from black to white, brighter to the right and less so downwards, with a spot that the seed places."""
    rows, columns = np.indices((SIDE, SIDE))
    pixels = (columns * 6 + rows * 2).astype(np.uint8)
    pixels[4 + seed // 24, 4 + seed % 24] = 0
    pixels[0, 0], pixels[-1, -1] = 0, 255
    return Image.fromarray(pixels)


def make_colour(seed: int) -> Image.Image:
    """A different ramp in each channel."""
    grey = make_grey(seed)
    return Image.merge("RGB", (grey, grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM), ImageChops.invert(grey)))


def encode(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def encode_interlaced(picture: Image.Image) -> bytes:
    """Encode a grey picture as an interlaced PNG, which Pillow reads but does not write."""
    pixels = np.asarray(picture)
    passes = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
    rows = [row for top, down, left, right in passes for row in pixels[top::down, left::right]]
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 1)
    return encode_png(header, b"".join(b"\0" + row.tobytes() for row in rows))


def encode_png(header: bytes, data: bytes) -> bytes:
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    encoded = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(encoded)


def turned(picture: Image.Image) -> tuple[Image.Image, Image.Exif]:
    """Return the picture lying on its side, and the EXIF data that say so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned by 90 degrees clockwise
    return picture.transpose(Image.Transpose.ROTATE_90), exif


def make_pictures() -> dict[str, tuple[bytes, Shown]]:
    """Return usable files by name, with their bytes and what they show."""
    seeds = iter(range(100))
    files: dict[str, tuple[bytes, Shown]] = {}

    def add(
        name: str, make: Callable[[int], Image.Image], encoder: Callable[[Image.Image], bytes], error: float = 0
    ) -> None:
        picture = make(next(seeds))
        files[name] = encoder(picture), (picture.convert("RGB"), error)

    def as_format(file_format: str, **options: Any) -> Callable[[Image.Image], bytes]:
        return lambda picture: encode(picture, file_format, **options)

    add("plain.png", make_colour, as_format("PNG"))
    add("grey.png", make_grey, as_format("PNG"))
    add("upper case.PNG", make_colour, as_format("PNG"))
    add("no extension", make_colour, as_format("PNG"))
    add("a png.jpg", make_colour, as_format("PNG"))
    add("a png.txt", make_colour, as_format("PNG"))
    add("line\nbreak.png", make_colour, as_format("PNG"))
    add("emoji 😀.png", make_colour, as_format("PNG"))
    add("-rf *.png", make_colour, as_format("PNG"))
    add(os.fsdecode(b"latin-1 caf\xe9.png"), make_colour, as_format("PNG"))
    add("interlaced.png", make_grey, encode_interlaced)
    add("palette.png", make_grey, lambda picture: encode(picture.convert("P"), "PNG"))
    add("1 bit.png", lambda seed: make_grey(seed).point(lambda value: value > 2 * seed and 255, "1"), as_format("PNG"))
    add("16 bits.png", make_grey, lambda picture: encode(Image.fromarray(np.asarray(picture, np.uint16) * 257), "PNG"))
    add("opaque rgba.png", make_colour, lambda picture: encode(picture.convert("RGBA"), "PNG"))
    add("animated.png", make_colour, as_format("PNG", save_all=True, append_images=[make_colour(90)]))
    add("plain.jpg", make_colour, as_format("JPEG", quality=95), error=4)
    add("grey.jpg", make_grey, as_format("JPEG", quality=95), error=2)
    add("progressive.jpg", make_colour, as_format("JPEG", quality=95, progressive=True), error=4)
    add("cmyk.jpg", make_colour, lambda picture: encode(picture.convert("CMYK"), "JPEG", quality=95), error=4)
    add(
        "several.mpo",
        make_colour,
        as_format("MPO", quality=95, save_all=True, append_images=[make_colour(91)]),
        error=4,
    )
    add("plain.bmp", make_colour, as_format("BMP"))
    add("palette.bmp", make_grey, lambda picture: encode(picture.convert("P"), "BMP"))
    add("plain.gif", make_grey, as_format("GIF"))
    add("animated.gif", make_grey, as_format("GIF", save_all=True, append_images=[make_grey(92)]))
    add("lossless.webp", make_colour, as_format("WEBP", lossless=True))
    add("lossy.webp", make_colour, as_format("WEBP", quality=95), error=4)
    add("animated.webp", make_colour, as_format("WEBP", lossless=True, save_all=True, append_images=[make_colour(93)]))
    add("plain.tif", make_colour, as_format("TIFF"))
    add("compressed.tif", make_colour, as_format("TIFF", compression="tiff_lzw"))
    add("several pages.tif", make_colour, as_format("TIFF", save_all=True, append_images=[make_colour(94)]))
    add("cmyk.tif", make_colour, lambda picture: encode(picture.convert("CMYK"), "TIFF"))
    add(
        "float.tif",
        make_grey,
        lambda picture: encode(Image.fromarray(np.asarray(picture, np.float32) / 255), "TIFF"),
        error=0.5,
    )
    add(
        "32 bits.tif",
        make_grey,
        lambda picture: encode(Image.fromarray(np.asarray(picture, np.int32) * 257), "TIFF"),
    )
    for name, file_format, error in (
        ("turned.jpg", "JPEG", 4),
        ("turned.png", "PNG", 0),
        ("turned.tif", "TIFF", 0),
        ("turned.webp", "WEBP", 4),
    ):
        picture = make_colour(next(seeds))
        lying, exif = turned(picture)
        files[name] = encode(lying, file_format, exif=exif, quality=95), (picture, error)
    deep = make_grey(next(seeds))
    lying, exif = turned(deep)
    files["turned 16 bits.png"] = (
        encode(Image.fromarray(np.asarray(lying, np.uint16) * 257), "PNG", exif=exif),
        (deep.convert("RGB"), 0),
    )
    for name, ink, paper in (("dark ink", "black", "white"), ("grey ink", "dimgrey", "white")):
        opacity = make_grey(next(seeds))
        shown = Image.composite(Image.new("RGB", opacity.size, ink), Image.new("RGB", opacity.size, paper), opacity)
        inked = Image.merge("LA", (Image.new("L", opacity.size, ink), opacity))
        files[f"{name} la.png"] = encode(inked, "PNG"), (shown, 1)
        other = ImageChops.offset(inked, 1)
        files[f"{name} rgba.webp"] = (
            encode(other.convert("RGBA"), "WEBP", lossless=True),
            (ImageChops.offset(shown, 1), 1),
        )
    two_colours = np.asarray(make_grey(next(seeds))) > 99
    palette = Image.fromarray(two_colours.astype(np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 0])
    files["transparent palette.png"] = (
        encode(palette, "PNG", transparency=0),
        (Image.fromarray(~two_colours).convert("RGB"), 0),
    )
    return files


def write_useless(folder: Path, outside: Path) -> dict[str, str]:
    """Write files that must not be used to folder, and return the reason for each; outside is a picture elsewhere."""
    png, jpeg = encode(make_colour(95), "PNG"), encode(make_colour(95), "JPEG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("picture.png", png)
    contents = {
        "empty.png": b"",
        "text.png": b"not a picture",
        "notes.txt": b"cat",
        "error page.jpg": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "document.pdf": b"%PDF-1.4\n",
        "archive.png": archive.getvalue(),
        "icon.ico": encode(make_colour(95), "ICO"),
        "xbm.h": b"#define a_width 1\n#define a_height 1\nstatic char a_bits[] = {0};\n",
        "noise.bmp": b"BM" + bytes(range(200)),
        "truncated.png": png[:-60],
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated.gif": encode(make_grey(95), "GIF")[:900],
        "truncated.webp": encode(make_colour(95), "WEBP")[:60],
        "truncated.tif": encode(make_colour(95), "TIFF")[:500],
        "signature.png": png[:8],
        "damaged.png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
    }
    reasons = dict.fromkeys(contents, "a damaged picture") | dict.fromkeys(
        ("text.png", "notes.txt", "xbm.h"), NOT_A_PICTURE
    )
    reasons |= {
        "empty.png": "an empty file",
        "error page.jpg": "an HTML page",
        "drawing.svg": "an SVG drawing",
        "document.pdf": "a PDF file",
        "archive.png": "a ZIP archive",
        "icon.ico": "a Windows icon",
    }
    contents["bomb.png"] = encode_png(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0), b"")
    reasons["bomb.png"] = "too many pixels"
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "subfolder").mkdir()
    (folder / "subfolder/picture.png").write_bytes(png)
    os.mkfifo(folder / "pipe.png")
    links: dict[str, str | Path] = {
        "dangling.png": "nowhere.png",
        "circle.png": "circle.png",
        "outside.png": outside,
        "folder link": "subfolder",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    return reasons | {
        "subfolder": "a folder inside a class folder",
        "folder link": "a folder inside a class folder",
        "pipe.png": "not a regular file",
        "dangling.png": "a broken or circular link",
        "circle.png": "a broken or circular link",
        "outside.png": "a link to something outside",
    }


def write_ignored(folder: Path) -> None:
    """Write files to folder that systems and editors leave behind."""
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._1.png", "1.png~", ".gitignore"):
        (folder / name).write_bytes(b"left over")
    for name in (".ipynb_checkpoints", "__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(b"left over")
