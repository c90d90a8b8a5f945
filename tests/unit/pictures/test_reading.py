import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin, TiffImagePlugin

from src.common.dataset import Preprocessing
from src.common.errors import UserError
from src.pictures.reading import Picture, digest_images, read_picture
from tests.unit.download.hostile_files import encode, encode_png, make_colour, make_grey

WHITE, BLACK, PAPER = (
    Preprocessing(fit="crop", background="white"),
    Preprocessing(fit="crop", background="black"),
    Preprocessing(fit="crop", background="paper"),
)
SIXTEEN = np.arange(0, 65536, 256, dtype=np.uint16).reshape(16, 16)


def read(data: bytes) -> Picture:
    return read_picture(io.BytesIO(data))


def pixels(picture: Picture, preprocessing: Preprocessing = WHITE) -> np.ndarray:
    return np.asarray(picture.to_image(preprocessing))


def deep_png(samples: np.ndarray) -> bytes:
    """Encode samples uint16 (H, W, B) as a PNG."""
    height, width, bands = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, (0, 4, 2, 6)[bands - 1], 0, 0, 0)
    return encode_png(header, b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples))


def tiff(samples: np.ndarray, photometric: int) -> bytes:
    """Encode grey samples as a TIFF with this interpretation of them."""
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "TIFF")
    with Image.open(buffer) as picture:
        assert isinstance(picture, TiffImagePlugin.TiffImageFile)
        entry = struct.pack("<HHI", 262, 3, 1)
    data = bytearray(buffer.getvalue())
    place = bytes(data).index(entry) + len(entry)
    data[place] = photometric
    return bytes(data)


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_16_bits_are_scaled_in_the_same_way_in_grey_and_colour(bands: int) -> None:
    colour = np.repeat(SIXTEEN[:, :, None], 1 if bands < 3 else 3, axis=2)
    opaque = np.full((16, 16, 1), 65535, np.uint16)
    picture = read(deep_png(colour if bands in (1, 3) else np.concatenate([colour, opaque], axis=2)))
    assert picture.samples.dtype == np.uint16
    assert np.array_equal(picture.samples[:, :, :1], SIXTEEN[:, :, None])
    expected = SIXTEEN >> 8
    shown = pixels(picture).reshape(16, 16, -1)
    assert all(np.array_equal(shown[:, :, band], expected) for band in range(shown.shape[2]))
    twelve = pixels(picture, Preprocessing(fit="crop", bits=12)).reshape(16, 16, -1)[:, :, 0]
    assert np.array_equal(twelve, np.minimum(SIXTEEN >> 4, 255))


@pytest.mark.parametrize("value", [0, 3000, 65535])
def test_even_pictures_keep_their_brightness(value: int) -> None:
    assert np.unique(pixels(read(deep_png(np.full((4, 4, 1), value, np.uint16))))).tolist() == [value >> 8]


def test_floats_are_0_to_1_whatever_is_missing() -> None:
    samples = np.array([[0, 0.5, 1], [-9999, np.nan, 7]], np.float32)
    assert pixels(read(encode(Image.fromarray(samples), "TIFF"))).tolist() == [[0, 128, 255], [0, 0, 255]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tiff_may_count_from_white(kind: type) -> None:
    ramp = np.linspace(0, 1, 6).reshape(1, 6)
    samples: np.ndarray = (ramp * (1 if kind is np.float32 else np.iinfo(kind).max)).astype(kind)
    normal, reverse = (pixels(read(tiff(samples, photometric))).astype(int) for photometric in (1, 0))
    assert normal[0, 0] < 5
    assert np.abs(normal + reverse - 255).max() <= 1


def test_one_background_is_behind_transparent_pixels() -> None:
    opacity = make_grey(0)
    for ink in ("black", "white"):
        inked = Image.merge("LA", (Image.new("L", opacity.size, ink), opacity))
        picture = read(encode(inked, "PNG"))
        for preprocessing, paper in (
            (WHITE, "white"),
            (BLACK, "black"),
            (PAPER, "white" if ink == "black" else "black"),
        ):
            shown = Image.composite(Image.new("L", opacity.size, ink), Image.new("L", opacity.size, paper), opacity)
            difference = pixels(picture, preprocessing)[:, :, 0].astype(int) - np.asarray(shown)
            assert np.abs(difference).max() <= 1
    deep = np.stack([np.full((16, 16), 65535, np.uint16), SIXTEEN], axis=2)
    assert pixels(read(deep_png(deep)), BLACK)[0, 0].tolist() == [0, 0, 0]


def test_equal_pictures_have_equal_digests_and_others_do_not() -> None:
    grey, colour = make_grey(0), make_colour(0)
    same = [encode(grey, "PNG"), encode(grey.convert("RGB"), "BMP"), encode(grey.convert("LA"), "PNG")]
    assert len({read(data).digest() for data in same}) == 1
    faint = colour.convert("RGBA")
    faint.putalpha(200)
    others = [
        encode(colour, "PNG"),
        encode(faint, "PNG"),
        encode(grey.rotate(90), "PNG"),
        encode(grey.crop((0, 0, 32, 31)), "PNG"),
    ]
    others += [deep_png(np.full((4, 4, 1), value, np.uint16)) for value in (0, 1, 256)]
    assert len({read(data).digest() for data in (*same, *others)}) == 1 + len(others)
    array = np.asarray(grey)[None, None]
    assert digest_images(array)[0].tobytes() == read(same[0]).digest()


def test_damage_that_no_viewer_minds_does_not_matter() -> None:
    colour = make_colour(0).resize((300, 300))
    png, jpeg = encode(colour, "PNG"), encode(colour, "JPEG", quality=95)
    header = png[8:33]  # the chunk IHDR

    def chunk(kind: bytes, body: bytes, flip: int = 0) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ flip)

    long = zlib.compress(bytes(3_000_000))
    for extra in (
        chunk(b"zTXt", b"Comment\0\0" + long),
        chunk(b"iCCP", b"profile\0\0" + long),
        chunk(b"tIME", b"1234567", flip=1),
    ):
        assert np.array_equal(pixels(read(png[:8] + header + extra + png[33:])), np.asarray(colour))
    assert np.array_equal(pixels(read(png[:-12])), np.asarray(colour))
    for data in (jpeg, encode(colour, "JPEG", progressive=True)):
        assert np.array_equal(pixels(read(data[:-2])), pixels(read(data)))
        assert np.array_equal(pixels(read(data[:-1])), pixels(read(data)))
        with pytest.raises(UserError, match="a truncated JPEG picture"):
            read(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif, xmp = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x0112] = orientation
    xmp.add_itxt("XML:com.adobe.xmp", f'<rdf:Description tiff:Orientation="{orientation}"/>')
    with_exif, with_xmp = encode(picture, "PNG", exif=exif), encode(picture, "PNG", pnginfo=xmp)
    with Image.open(io.BytesIO(with_exif)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    for data in (with_exif, with_xmp):
        assert np.array_equal(pixels(read(data)), upright)
    assert np.array_equal(pixels(read(with_xmp.replace(b"rdf:", b"rdf;"))), pixels(read(encode(picture, "PNG"))))


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP"])
def test_that_only_the_first_of_several_frames_is_used_is_said(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), (value, 0, 0)) for value in (50, 200, 100)]
    picture = read(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert picture.remark == "only the first of 3 pages or frames is used"
    assert pixels(picture)[0, 0, 0] == pytest.approx(50, abs=5)
    assert read(encode(frames[0], kind)).remark == ""


@pytest.mark.parametrize(
    ("samples", "remark"),
    [
        ([0.0, 1.0, np.nan], ""),
        ([0.5, 3400.0, np.nan], "samples from 0.5 to 3,400 are clipped to the range 0 to 1"),
        ([-2.0, 0.5, 1.0], "samples from -2 to 1 are clipped to the range 0 to 1"),
    ],
)
def test_that_floating_point_samples_are_clipped_is_said(samples: list[float], remark: str) -> None:
    assert read(encode(Image.fromarray(np.array([samples], np.float32)), "TIFF")).remark == remark


def test_that_integer_samples_are_clipped_is_said() -> None:
    picture = read(encode(Image.fromarray(np.array([[-1024, 3000, 70000]], np.int32)), "TIFF"))
    assert picture.remark == "samples from -1,024 to 70,000 are clipped to the range 0 to 65,535"
    assert picture.samples.ravel().tolist() == [0, 3000, 65535]


def test_damaged_exif_data_still_turn_the_picture() -> None:
    # The orientation, a resolution of -1 / 1, and text where a number belongs.
    entries = (
        (0x0112, 3, 1, struct.pack("<HH", 6, 0)),
        (0x011A, 10, 1, struct.pack("<I", 50)),
        (0x0128, 2, 4, b"two\0"),
    )
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 3) + body + bytes(4) + struct.pack("<ii", -1, 1)
    lying = Image.new("RGB", (40, 32))
    assert read(encode(lying, "JPEG", exif=exif)).samples.shape == (40, 32, 3)
    for damaged in (exif.replace(b"\x06\0\0\0", b"\x63\0\0\0"), exif[:20]):  # an unknown orientation; no entries
        assert read(encode(lying, "JPEG", exif=damaged)).samples.shape == (32, 40, 3)


def test_a_bitmap_without_opacity_is_opaque() -> None:
    pixel = bytes((10, 200, 30, 0))  # blue, green, red and an unused byte
    info = struct.pack("<IiiHHIIiiII", 108, 2, 2, 1, 32, 3, 16, 0, 0, 0, 0)
    info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(108 - 56)
    data = b"BM" + struct.pack("<IHHI", 14 + len(info) + 16, 0, 0, 14 + len(info)) + info + 4 * pixel
    assert np.unique(pixels(read(data)).reshape(-1, 3), axis=0).tolist() == [[30, 200, 10]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture; convert it"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture; convert it"),
        (b"P6 3 3 255 ", "a PPM, PGM or PBM picture"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "a Git LFS pointer, not the picture itself; run `git lfs pull`",
        ),
        (b"\n<!doctype html><html>", "an HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"%PDF-1.4", "a PDF file"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"seven", "not a PNG, JPEG, BMP, TIFF, WebP or GIF picture"),
        (encode(make_colour(0), "PNG")[:-60], "a damaged picture"),
        (encode(make_colour(0), "WEBP")[:90], "a damaged picture"),
        (encode(make_colour(0), "GIF")[:900], "a damaged picture"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, message: str) -> None:
    with pytest.raises(UserError) as error:
        read(data)
    assert message in str(error.value)


def test_a_changed_byte_in_the_pixels_of_a_png_is_noticed() -> None:
    data = bytearray(encode(Image.new("L", (400, 400), 255), "PNG"))  # which can be decoded even so
    data[data.index(b"IDAT") + 60] ^= 1
    with pytest.raises(UserError, match=r"a damaged picture \(wrong checksum\)"):
        read(bytes(data))


def test_damage_in_a_scan_compressed_like_a_fax_is_noticed(capfd: pytest.CaptureFixture[str]) -> None:
    scan = Image.new("1", (300, 300), 1)
    ImageDraw.Draw(scan).line((80, 60, 220, 60, 120, 240), fill=0, width=30)
    data = bytearray(encode(scan, "TIFF", compression="group4"))
    assert np.array_equal(read(bytes(data)).samples[:, :, 0] > 0, np.asarray(scan))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(UserError, match="a damaged picture"):
        read(bytes(data))
    assert capfd.readouterr().err == ""


def test_a_missing_picture_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_picture(tmp_path / "missing.png")


def test_a_picture_with_too_many_pixels_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match="too many pixels; reduce the picture's size"):
        read(encode(make_colour(0), "PNG"))


@pytest.mark.parametrize(
    ("mode", "colour"), [("1", 0), ("1", 255), ("L", 0), ("L", 255), ("P", 0), ("RGB", (255, 255, 255))]
)
def test_a_transparent_colour_is_not_shown(mode: str, colour: Any) -> None:
    picture = read(encode(Image.new(mode, (3, 2), colour), "PNG", transparency=colour))
    assert (picture.samples[:, :, -1] == 0).all()
    assert np.asarray(picture.to_image(WHITE)).min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_what_is_shown_is_grey_or_rgb(mode: str) -> None:
    picture = read(encode(Image.new(mode, (3, 2)), "TIFF" if mode == "CMYK" else "PNG"))
    assert picture.samples.shape[:2] == (2, 3)
    assert picture.to_image(WHITE).mode in ("L", "RGB")
