"""Decode IDX files, the format of MNIST and its relatives."""

import gzip
import hashlib
import io
import math
import zlib

import numpy as np

from src.common.errors import UserError

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
UNSIGNED_BYTE = 0x08
TYPES = {UNSIGNED_BYTE: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}  # integer types


def decompress(data: bytes, name: str, limit: int) -> bytes:
    """Decompress a gzip file; raise UserError naming it if it is damaged or decompresses to more than limit bytes."""
    try:
        decompressed = gzip.GzipFile(fileobj=io.BytesIO(data)).read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{name}: {error}") from None
    if len(decompressed) > limit:
        raise UserError(f"{name}: decompresses to more than {limit:,} bytes")
    return decompressed


def decode_idx(data: bytes, dimensions: int) -> np.ndarray:
    """Decode an IDX file with the given number of dimensions: 3 for uint8 images, 1 for labels of any integer type.

    Layout: 0, 0, type code, number of dimensions, each size as a big-endian 32-bit integer, then the values.
    Raise UserError for a wrong magic number, or a length that does not match the sizes.
    """
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    kind = TYPES.get(data[2]) if data[:2] == b"\0\0" and data[3:4] == expected[3:] else None
    if not kind or (dimensions == 3 and data[2] != UNSIGNED_BYTE):
        raise UserError(f"magic number is 0x{data[:4].hex()}, expected 0x{expected.hex()}")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise UserError(f"truncated: {len(data)} bytes, but the header alone takes {header}")
    shape = [int(size) for size in np.frombuffer(data, ">u4", count=dimensions, offset=4)]
    length = header + math.prod(shape) * np.dtype(kind).itemsize
    if len(data) != length:
        raise UserError(f"{len(data):,} bytes, but the header implies {length:,} for {shape}")
    return np.frombuffer(data, kind, offset=header).reshape(shape)


def decode_files(files: dict[str, bytes], sha256: dict[str, str]) -> list[np.ndarray]:
    """Decode and verify the four files; return arrays in the order of FILES.

    Images are uint8 (N, 1, H, W); labels, int64 (N,). Raise UserError naming the file and its defect.
    """
    arrays = {}
    for name, file in FILES.items():
        if file not in files:
            raise UserError(f"{file}: not found")
        try:
            array = decode_idx(files[file], dimensions=3 if name.endswith("images") else 1)
        except UserError as error:
            raise UserError(f"{file}: {error}") from None
        arrays[name] = array[:, None] if name.endswith("images") else array.astype(np.int64)
    for images, labels in (("train_images", "train_labels"), ("test_images", "test_labels")):
        if len(arrays[images]) != len(arrays[labels]):
            counts = f"{len(arrays[images]):,} images, but {len(arrays[labels]):,} labels"
            raise UserError(f"{FILES[images]} and {FILES[labels]} do not match: {counts}")
    sizes = ["x".join(map(str, arrays[images].shape[2:])) for images in ("train_images", "test_images")]
    if sizes[0] != sizes[1]:
        raise UserError(f"the training images have {sizes[0]} pixels, but the test images {sizes[1]}")
    for file, expected in sha256.items():
        if hashlib.sha256(files[file]).hexdigest() != expected:
            raise UserError(f"{file}: SHA-256 checksum is not {expected}")
    return list(arrays.values())
