"""Pairs of faces to verify: LFW's pairs.txt, and the verification sets of InsightFace (.bin)."""
import io
import os
import pickle
import pickletools

import numpy as np

from lib.errors import Failure
from lib.text import read_lines, words


def read_pairs(path):
    """[(name, name, is_same, fold)], names without suffix: NAME/NAME_0001."""
    lines = [words(line) for line in read_lines(path)]
    try:
        head = [int(v) for v in lines[0]]
        folds, each = head if len(head) == 2 else (1, head[0])
        if folds < 1 or each < 1:
            raise ValueError
    except (IndexError, ValueError, TypeError) as e:
        raise Failure(f"{path}:1: must be FOLDS and PAIRS") from e
    pairs = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        try:
            if len(line) == 3:
                a, b = (line[0], int(line[1])), (line[0], int(line[2]))
            elif len(line) == 4:
                a, b = (line[0], int(line[1])), (line[2], int(line[3]))
            else:
                raise ValueError
        except ValueError as e:
            raise Failure(f"{path}:{number}: must be NAME I J or NAME I NAME J") from e
        fold = len(pairs) // (2 * each)
        pairs.append(tuple(f"{n}/{n}_{i:04d}" for n, i in (a, b)) + (len(line) == 3, fold))
    if len(pairs) != folds * 2 * each:
        raise Failure(f"{path}: {len(pairs)} pairs; its first line promises {folds * 2 * each}")
    return pairs


# All that a pickle of lists, bytes (str of Python 2) and truth values has. Nothing here can name a
# class or a function.
OPCODES = frozenset("""PROTO FRAME STOP MARK EMPTY_LIST APPEND APPENDS TUPLE2 NEWTRUE NEWFALSE
    BININT1 BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BINUNICODE SHORT_BINUNICODE
    MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET""".split())
BROKEN = (pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError, TypeError,
          AttributeError, OverflowError, MemoryError)


class PlainUnpickler(pickle.Unpickler):
    """Lists, bytes and truth values only."""
    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"names {module}.{name}")


def check_opcodes(data):
    kept = 0
    for op, value, at in pickletools.genops(data):
        if op.name not in OPCODES:
            raise pickle.UnpicklingError(f"byte {at}: opcode {op.name}, which no set has")
        if op.name in ("BINPUT", "LONG_BINPUT") and value > kept + 1:
            raise pickle.UnpicklingError(f"byte {at}: a memo that does not count up")
        kept += op.name in ("BINPUT", "LONG_BINPUT", "MEMOIZE")


def read_bin(path):
    """(image files as bytes, truth values): pair i has the images 2i and 2i + 1."""
    try:
        with open(path, "rb") as f:
            data = f.read()
        check_opcodes(data)
        pair = PlainUnpickler(io.BytesIO(data), encoding="bytes").load()
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e
    except BROKEN as e:
        raise Failure(f"{path}: not a verification set: {e}") from e
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or \
            not all(isinstance(v, list) for v in pair):
        raise Failure(f"{path}: must be a pair of lists: images, and whether a pair is the same")
    images, same = pair
    if not same or len(images) != 2 * len(same):
        raise Failure(f"{path}: {len(images)} images for {len(same)} pairs: must be two a pair")
    for i, v in enumerate(images):
        if not isinstance(v, bytes) or not v:
            raise Failure(f"{path}: image {i} must be bytes of an image file")
    if any(v not in (0, 1) for v in same):
        raise Failure(f"{path}: pair {[v in (0, 1) for v in same].index(False)} must be True or "
                      "False")
    return images, [bool(v) for v in same]


def unpack_bin(path, folder):
    """Writes the images as SET/SET_0001.jpg or .png into folder; their pairs, in ten folds."""
    images, same = read_bin(path)
    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isprintable():
        raise Failure(f"{path!r}: must have a printable name")
    os.mkdir(os.path.join(folder, name))
    names = [f"{name}/{name}_{i + 1:04d}" for i in range(len(images))]
    for n, data in zip(names, images):
        suffix = ".png" if data.startswith(b"\x89PNG") else ".jpg"
        with open(os.path.join(folder, n + suffix), "wb") as f:
            f.write(data)
    # as even as possible, the first ones larger: as InsightFace splits
    folds = np.concatenate([np.full(len(part), k) for k, part in
                            enumerate(np.array_split(same, min(10, len(same))))])
    return [(names[2 * i], names[2 * i + 1], s, int(folds[i])) for i, s in enumerate(same)]
