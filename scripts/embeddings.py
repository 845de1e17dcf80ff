"""Reads the file that `darknet embed` writes.

Little endian: "DNXE", uint32 version = 1, uint32 count, uint32 dim; then count names, each uint32
length and that many bytes; then count x dim float32, in the order of the names.
"""
import struct

import numpy as np


def read(path):
    """(names, count x dim float32). ValueError when the file is not what it should be."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 16 or data[:4] != b"DNXE":
        raise ValueError(f"{path}: not a file of `darknet embed`")
    version, count, dim = struct.unpack_from("<3I", data, 4)
    if version != 1:
        raise ValueError(f"{path}: version {version}; this script reads version 1")
    names, at = [], 16
    for _ in range(count):
        if at + 4 > len(data):
            raise ValueError(f"{path}: cut short in its names")
        (n,) = struct.unpack_from("<I", data, at)
        names.append(data[at + 4:at + 4 + n].decode("utf-8", "surrogateescape"))
        at += 4 + n
    if len(data) - at != 4 * count * dim:
        raise ValueError(f"{path}: {len(data) - at} bytes of numbers, {4 * count * dim} expected")
    return names, np.frombuffer(data, "<f4", count * dim, at).reshape(count, dim)
