"""Reads the file that `darknet embed` and the teacher's cache write; its format is told in
darknet/data/embeddings.h."""
import struct

import numpy as np

from lib.errors import Failure


BLOCK_SUM = 8  # bytes of the checksum behind a block of versions 3 and 4


def read(path):
    """(names, count x dim float32). Failure when the file is not what it should be."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 16 or data[:4] != b"DNXE":
        raise Failure(f"{path}: not a file of `darknet embed`")
    version, count, dim = struct.unpack_from("<3I", data, 4)
    if version not in (1, 2, 3, 4):
        raise Failure(f"{path}: version {version}; this script reads 1 to 4")
    if version > 1 and len(data) < 32:
        raise Failure(f"{path}: cut short in its header")
    kind, block = "<f4", count
    if version == 2:
        kind = {2: "<f2", 4: "<f4"}.get(struct.unpack_from("<I", data, 16)[0])
    elif version >= 3:
        kind, block = "<f2", struct.unpack_from("<I", data, 16)[0]
    if not kind or not block and count:
        raise Failure(f"{path}: numbers of an unknown size")
    names, at = read_names(path, data, 16 if version == 1 else 32, count)
    if version > 1:
        at = -(-at // 64) * 64 if version == 2 else -(-(at + 8) // 64) * 64
    size = np.dtype(kind).itemsize * count * dim
    sums = BLOCK_SUM * -(-count // block) if version >= 3 else 0
    if len(data) - at != size + sums:
        raise Failure(f"{path}: {len(data) - at} bytes of numbers, {size + sums} expected")
    rows = np.empty((count, dim), "<f4")
    for first in range(0, count, block or 1):
        n = min(block, count - first)
        rows[first:first + n] = np.frombuffer(data, kind, n * dim, at).reshape(n, dim)
        at += n * dim * np.dtype(kind).itemsize + (BLOCK_SUM if version >= 3 else 0)
    return names, rows


def read_names(path, data, at, count):
    """The names, and where they end."""
    names = []
    for _ in range(count):
        if at + 4 > len(data):
            raise Failure(f"{path}: cut short in its names")
        (n,) = struct.unpack_from("<I", data, at)
        names.append(data[at + 4:at + 4 + n].decode("utf-8", "surrogateescape"))
        at += 4 + n
    return names, at
