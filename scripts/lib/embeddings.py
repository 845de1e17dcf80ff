"""Reads the files of features that `darknet embed` writes, and the caches of teachers' outputs.
darknet/data/embeddings.h describes the format."""
import os
import struct

import numpy as np

from lib.errors import Failure
from lib.text import counted


TAKEN = 1 << 15  # rows that take() reads at a time
FLIPS = "none", "sum", "concat"  # the values of `darknet embed -flip`; a file stores the index
BLOCK_SUM = 8  # bytes of the checksum that follows each block of rows in versions 3 and 4
MAGIC = b"DNXE"


def is_embeddings(path):
    try:
        with open(path, "rb") as f:
            return f.read(4) == MAGIC
    except OSError:
        return False


def check(rows, path, names):
    """Raises a Failure when a row has a number that is not finite, or only zeros: a zero vector has
    no cosine. names: the image of each row."""
    finite = np.isfinite(rows).all(1)
    for fault, bad in (("not finite numbers", ~finite), ("all zero", finite & ~rows.any(1))):
        if bad.any():
            raise Failure(f"{path}: the features of {counted(bad.sum(), 'image')} are {fault}, of "
                          f"{names[bad.argmax()]} for example")


class Embeddings:
    """A file of features. network: (fingerprint of the network, flip), or None when the file does
    not store them."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            head, size = f.read(32), os.fstat(f.fileno()).st_size
            if len(head) < 16 or head[:4] != MAGIC:
                raise Failure(f"{path}: not a file of `darknet embed`")
            version, self.count, self.dim = struct.unpack_from("<3I", head, 4)
            if version not in (1, 2, 3, 4):
                raise Failure(f"{path}: version {version}; this script reads 1 to 4")
            if version > 1 and len(head) < 32:
                raise Failure(f"{path}: cut short in its header")
            self.kind, self.block, self.network = "<f4", self.count, None
            if version == 2:
                size_of, flip, network = struct.unpack_from("<2IQ", head, 16)
                self.kind = {2: "<f2", 4: "<f4"}.get(size_of)
                if network and flip < len(FLIPS):
                    self.network = f"{network:016x}", FLIPS[flip]
            elif version >= 3:
                self.kind, self.block = "<f2", struct.unpack_from("<I", head, 16)[0]
            if not self.kind or not self.block and self.count:
                raise Failure(f"{path}: numbers of an unknown size")
            self.start = 16 if version == 1 else 32
            f.seek(self.start)
            self.names = self.read_names(f)
        if version > 1:
            self.start = -(-(self.start + 8 * (version > 2)) // 64) * 64
        self.sum = BLOCK_SUM if version >= 3 else 0
        expected = np.dtype(self.kind).itemsize * self.count * self.dim
        expected += self.sum * -(-self.count // self.block) if self.sum else 0
        if size - self.start != expected:
            raise Failure(f"{path}: {size - self.start} bytes of numbers, {expected} expected")

    def read_names(self, f):
        """Returns the names of the rows. Sets self.start to the end of the names."""
        names = []
        for _ in range(self.count):
            length = f.read(4)
            n = struct.unpack("<I", length)[0] if len(length) == 4 else 0
            name = f.read(n) if n <= 1 << 20 else b""
            if len(length) < 4 or len(name) < n:
                raise Failure(f"{self.path}: cut short in its names")
            names.append(name.decode("utf-8", "surrogateescape"))
            self.start += 4 + n
        return names

    def rows(self, first, n):
        """Returns n rows, beginning with row `first`: n x dim float32, a copy."""
        out = np.empty((n, self.dim), "<f4")
        width = np.dtype(self.kind).itemsize * self.dim
        done = 0
        while done < n:
            block = (first + done) // self.block
            m = min(n - done, (block + 1) * self.block - first - done)
            at = self.start + (first + done) * width + block * self.sum
            if m * width:
                out[done:done + m] = np.memmap(self.path, self.kind, "r", at, (m, self.dim))
            done += m
        return out

    def take(self, index):
        """Returns the rows in the order of `index`: len(index) x dim float32."""
        out = np.empty((len(index), self.dim), "<f4")
        order = np.argsort(index, kind="stable")
        ordered = np.asarray(index)[order]
        for first in range(0, self.count, TAKEN):
            n = min(TAKEN, self.count - first)
            mine = slice(*np.searchsorted(ordered, (first, first + n)))
            if mine.start < mine.stop:
                out[order[mine]] = self.rows(first, n)[ordered[mine] - first]
        return out


def read(path):
    """Returns (names, features as a float32 array of shape count x dim)."""
    file = Embeddings(path)
    return file.names, file.rows(0, file.count)
