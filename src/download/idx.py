"""Decode IDX files, the format of MNIST and its relatives."""

import math

import numpy as np

UNSIGNED_BYTE = 0x08


def decode_idx(data: bytes, dimensions: int) -> np.ndarray:
    """Decode an IDX file of unsigned bytes with the given number of dimensions (3: images, 1: labels).

    Layout: 0, 0, type code, number of dimensions, each size as a big-endian 32-bit integer, then the values.
    Raise ValueError for a wrong magic number, or a length that does not match the sizes.
    """
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if data[:4] != expected:
        raise ValueError(f"magic number is 0x{data[:4].hex()}, expected 0x{expected.hex()}")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise ValueError(f"truncated: {len(data)} bytes, but the header alone takes {header}")
    shape = [int(size) for size in np.frombuffer(data, ">u4", count=dimensions, offset=4)]
    if len(data) != header + math.prod(shape):
        raise ValueError(f"{len(data):,} bytes, but the header implies {header + math.prod(shape):,} for {shape}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
