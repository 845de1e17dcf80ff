"""Reads the tensors of a PyTorch file (.pth, .pt) without PyTorch and without running its code.

    for name, tensor in read_state("model.pth").items():
        tensor.shape, tensor.numbers()    # float32 for every kind of float

A file contains a pickle, which can name any class or function. This reader makes only OrderedDict,
tensors and their storages. Every other name becomes an empty object (Foreign). The reader knows the
zip of PyTorch 1.6 and later, and the older format: pickles, then the numbers."""
import collections
import io
import math
import pickle
import struct
import zipfile

import numpy as np

from lib.errors import Failure

LEGACY = 0x1950a86a20f9469cfc6c
LEGACY_VERSION = 1001
KINDS = {"Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": "bf16", "Long": "i8", "Int": "i4",
         "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?"}
OTHERS = ((b"\x89HDF", "HDF5 (Keras)"), (b"GGUF", "GGUF"), (b"\x08", "ONNX"), (b"\x1f\x8b", "gzip"),
          (b"ustar", "tar"), (struct.pack("<ii", 0, 1), "weights of Darknet"),
          (struct.pack("<ii", 0, 2), "weights of Darknet"), (b"\x93NUMPY", "an array of NumPy"))
WANTED = "not a file of torch.save"


class Sealed:
    """Base class of objects whose fields a pickle cannot set."""

    def __setstate__(self, _):
        raise pickle.UnpicklingError("a tensor with fields of its own")


class Storage(Sealed):
    """An array of numbers of one type. data: its bytes."""

    def __init__(self, path, kind, key, count):
        self.path, self.kind, self.key, self.count, self.data = path, kind, key, count, None

    @property
    def bytes(self):
        return self.count * (2 if self.kind == "bf16" else np.dtype(self.kind).itemsize)

    def array(self, order):
        if self.data is None or len(self.data) != self.bytes:
            raise Failure(f"{self.path}: the numbers of storage {self.key} are cut off")
        if self.kind == "bf16":
            wide = np.frombuffer(self.data, order + "u2").astype(np.uint32) << 16
            return wide.view(np.float32)
        return np.frombuffer(self.data, np.dtype(self.kind).newbyteorder(order))


class Tensor(Sealed):
    def __init__(self, storage, offset, shape, stride):
        self.storage, self.offset = storage, offset
        self.shape, self.stride, self.order = tuple(shape), tuple(stride), "<"
        sizes = (offset, *self.shape, *self.stride)
        if not isinstance(storage, Storage) or len(self.shape) != len(self.stride) or \
                not all(isinstance(n, int) and n >= 0 for n in sizes):
            raise pickle.UnpicklingError("a tensor of no shape")
        last = offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride))
        if math.prod(self.shape) > storage.count or self.shape and 0 not in self.shape and \
                last >= storage.count:
            raise pickle.UnpicklingError("a tensor that is longer than its storage")

    @property
    def is_real(self):
        return self.storage.kind in ("f2", "f4", "f8", "bf16")

    def numbers(self):
        flat = self.storage.array(self.order)
        return np.lib.stride_tricks.as_strided(
            flat[self.offset:], self.shape, [s * flat.itemsize for s in self.stride]
        ).astype(np.float32)


class Foreign:
    """Replaces a class or a function that this reader does not make."""

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, _):
        pass

    def __setitem__(self, _key, _value):
        pass

    def append(self, _):
        pass

    def extend(self, _):
        pass


class Reader(pickle._Unpickler):  # pylint: disable=protected-access
    """An unpickler that makes only plain values, tensors and Foreign objects. It derives from the
    unpickler that is written in Python. The unpickler in C would allocate as much memory as a
    damaged file asks for."""

    def __init__(self, file, path, storages):
        super().__init__(file, encoding="latin-1")
        self.path, self.storages = path, storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *args: Tensor(*args[:4])
        if module == "torch._utils" and name.startswith("_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module in ("torch", "torch.storage", "torch.cuda") and \
                name.removesuffix("Storage") in KINDS:
            return KINDS[name.removesuffix("Storage")]
        return type(name, (Foreign,), {"named": f"{module}.{name}"})

    def persistent_load(self, pid):
        """Returns the Storage that pid = ('storage', type, key, device, count) names."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or \
                not isinstance(pid[1], str) or not isinstance(pid[4], int) or pid[4] < 0 or \
                len(pid) > 5 and pid[5] is not None:
            is_named = isinstance(pid, tuple) and len(pid) > 1
            named = getattr(pid[1], "named", None) if is_named else None
            raise pickle.UnpicklingError(f"storage of kind {named or '?'} is not known")
        key = str(pid[2])
        if key not in self.storages:
            self.storages[key] = Storage(self.path, pid[1], key, pid[4])
        return self.storages[key]


def read_zip(path, file):
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        found = [n for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
        if len(found) != 1:
            raise Failure(f"{path}: {WANTED}, but another zip")
        folder = found[0].split("/")[0]
        if any(n.startswith(folder + "/code/") for n in names):
            raise Failure(f"{path}: TorchScript; in PyTorch, torch.save(model.state_dict(), FILE) "
                          "writes what is read here")
        storages = {}
        whole = Reader(io.BytesIO(archive.read(found[0])), path, storages).load()
        for s in storages.values():
            member = f"{folder}/data/{s.key}"
            if member not in names:
                raise Failure(f"{path}: {member} is missing in it")
            # when the size is wrong, s.data stays None, and array() reports the missing numbers
            if archive.getinfo(member).file_size == s.bytes:
                s.data = archive.read(member)
        order = f"{folder}/byteorder"
        return whole, ">" if order in names and archive.read(order) == b"big" else "<"


def read_legacy(path, file):
    file, storages = io.BytesIO(file.read()), {}

    def load():
        return Reader(file, path, storages).load()
    if load() != LEGACY or load() != LEGACY_VERSION:
        raise Failure(f"{path}: {WANTED}")
    system, whole, keys = load(), load(), load()
    if not isinstance(keys, list):
        raise pickle.UnpicklingError("no list of storages")
    for key in keys:
        s = storages.get(str(key))
        count = file.read(8)
        if s is None or len(count) < 8 or struct.unpack("<q", count)[0] != s.count:
            raise Failure(f"{path}: the numbers of storage {key} are cut off")
        s.data = file.read(s.bytes)
    little = not isinstance(system, dict) or system.get("little_endian", True)
    return whole, "<" if little else ">"


def read_whole(path):
    """Returns (the saved object, the byte order as "<" or ">")."""
    with open(path, "rb") as file:
        start = file.read(512)
        file.seek(0)
        if start[:8] and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] < 1 << 32:
            raise Failure(f"{path}: safetensors, {WANTED}")
        for magic, name in OTHERS:
            if start.startswith(magic) or magic == b"ustar" and start[257:262] == magic:
                raise Failure(f"{path}: {name}, {WANTED}")
        try:
            return (read_zip if start.startswith(b"PK\3\4") else read_legacy)(path, file)
        except (Failure, OSError):
            raise
        except zipfile.BadZipFile as e:
            raise Failure(f"{path}: a damaged zip, cut off perhaps: {e}") from e
        except Exception as e:  # a damaged pickle can raise any exception of Python
            raise Failure(f"{path}: {WANTED}, or damaged: {str(e) or type(e).__name__}") from e


def tensors_of(value):
    if not isinstance(value, dict):
        return {}
    return {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, Tensor)}


def read_state(path, part=None):
    """Returns {name: tensor} in the order of the file. part: the key of the dict with the tensors.
    It is needed when the file has several dicts of tensors, and none of them is state_dict."""
    whole, order = read_whole(path)
    if isinstance(whole, Foreign):
        raise Failure(f"{path}: a whole object of {whole.named}; in PyTorch, "
                      "torch.save(model.state_dict(), FILE) writes what is read here")
    parts = {k: v for k, v in whole.items() if isinstance(k, str) and tensors_of(v)} \
        if isinstance(whole, dict) else {}
    if part is not None and part not in parts:
        raise Failure(f"{path}: has no part {part}" +
                      (f", only {', '.join(parts)}" if parts else ""))
    found = {} if part else tensors_of(whole)
    if not found:
        if part is None and len(parts) > 1 and "state_dict" not in parts:
            raise Failure(f"{path}: has several networks: --part {' or '.join(parts)}")
        found = tensors_of(parts.get(part or "state_dict") or next(iter(parts.values()), None))
    if not found:
        raise Failure(f"{path}: has no tensors with names")
    for tensor in found.values():
        tensor.order = order
    return found
