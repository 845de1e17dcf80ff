"""Reads the file that `darknet embed` and the teacher's cache write; its format is told in
darknet/data/embeddings.h."""
import struct

import numpy as np

from lib.errors import Failure


def read(path):
    """(names, count x dim float32). Failure when the file is not what it should be."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 16 or data[:4] != b"DNXE":
        raise Failure(f"{path}: not a file of `darknet embed`")
    version, count, dim = struct.unpack_from("<3I", data, 4)
    if version not in (1, 2):
        raise Failure(f"{path}: version {version}; this script reads 1 and 2")
    names, at, kind = [], 16, "<f4"
    if version == 2:
        if len(data) < 32:
            raise Failure(f"{path}: cut short in its header")
        kind = {2: "<f2", 4: "<f4"}.get(struct.unpack_from("<I", data, 16)[0])
        if not kind:
            raise Failure(f"{path}: numbers of an unknown size")
        at = 32
    for _ in range(count):
        if at + 4 > len(data):
            raise Failure(f"{path}: cut short in its names")
        (n,) = struct.unpack_from("<I", data, at)
        names.append(data[at + 4:at + 4 + n].decode("utf-8", "surrogateescape"))
        at += 4 + n
    if version == 2:
        at = -(-at // 64) * 64
    size = np.dtype(kind).itemsize * count * dim
    if len(data) - at != size:
        raise Failure(f"{path}: {len(data) - at} bytes of numbers, {size} expected")
    return names, np.frombuffer(data, kind, count * dim, at).reshape(count, dim).astype("<f4")
