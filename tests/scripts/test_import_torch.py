"""Tests scripts/import_torch.py on files in torch.save's formats, written here without PyTorch."""
import collections
import io
import os
import pickle
import random
import struct
import sys
import types
import zipfile

from common import attempt_all, expect, expect_end, needed, read, script, summary, write

with needed():
    import numpy as np
from lib.errors import Failure
from exchange.torch_file import read_state

TORCH = types.ModuleType("torch")
UTILS = types.ModuleType("torch._utils")
sys.modules.update({"torch": TORCH, "torch._utils": UTILS})
KINDS = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "u2": "BFloat16"}
for kind in KINDS.values():
    setattr(TORCH, kind + "Storage", type(kind + "Storage", (), {"__module__": "torch"}))


def _rebuild_tensor_v2(*_):
    pass


_rebuild_tensor_v2.__module__ = "torch._utils"
setattr(UTILS, "_rebuild_tensor_v2", _rebuild_tensor_v2)

NET = "[net]\nheight=4\nwidth=3\nchannels=2\n"
BN = "batch_normalize=1\n"
# The PyTorch network has a convolution, a batch norm that follows no convolution, and a Linear over
# the whole map. In the cfg, the batch norm becomes a [depthwise] of size 1.
CFG = (NET + "[convolutional]\nfilters=3\nsize=3\npad=1\n" + BN + "activation=prelu\n"
       "[depthwise]\nsize=1\n" + BN + "activation=linear\n"
       "[connected]\noutput=2\n" + BN + "activation=linear\n")


class Storage:
    def __init__(self, array):
        self.array = array


class Pickler(pickle.Pickler):
    """Pickles arrays of NumPy as PyTorch writes tensors."""

    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.legacy, self.storages = legacy, []

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        flat = value.array.ravel(order="K")
        self.storages.append(flat)
        kind = getattr(TORCH, KINDS[flat.dtype.str[1:]] + "Storage")
        key = str(len(self.storages) - 1)
        return ("storage", kind, key, "cpu", flat.size) + ((None,) if self.legacy else ())

    def reducer_override(self, value):
        if not isinstance(value, np.ndarray):
            return NotImplemented
        strides = tuple(s // value.itemsize for s in value.strides)
        return _rebuild_tensor_v2, (Storage(value), 0, value.shape, strides, False,
                                    collections.OrderedDict())


def torch_save(path, value, legacy=False):
    body = io.BytesIO()
    pickler = Pickler(body, legacy)
    pickler.dump(value)
    if not legacy:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", body.getvalue())
            for key, flat in enumerate(pickler.storages):
                archive.writestr(f"archive/data/{key}", flat.tobytes())
            archive.writestr("archive/version", "3\n")
        return
    parts = [pickle.dumps(v, 2) for v in (0x1950a86a20f9469cfc6c, 1001, {"little_endian": True})]
    parts += [body.getvalue(), pickle.dumps([str(k) for k in range(len(pickler.storages))], 2)]
    parts += [struct.pack("<q", flat.size) + flat.tobytes() for flat in pickler.storages]
    write(path, b"".join(parts))


def norm(rng, name, n):
    return {f"{name}.weight": rng.uniform(.5, 1, n), f"{name}.bias": rng.uniform(-1, 1, n),
            f"{name}.running_mean": rng.uniform(-1, 1, n),
            f"{name}.running_var": rng.uniform(.5, 1, n),
            f"{name}.num_batches_tracked": np.array(7)}


def model():
    rng = np.random.default_rng(1)
    state = {"conv1.weight": rng.normal(size=(3, 2, 3, 3)), "conv1.bias": rng.normal(size=3)}
    state |= norm(rng, "bn1", 3) | {"prelu.weight": np.array([.3])} | norm(rng, "bn2", 3)
    state |= {"fc.weight": rng.normal(size=(2, 36)), "fc.bias": rng.normal(size=2)}
    state |= norm(rng, "features", 2)
    return {k: v if v.dtype.kind == "i" else v.astype(np.float32) for k, v in state.items()}


def weights_of(s):
    """Returns the numbers that o.weights must have, in the order of darknet/net/README.md. s: the
    state dict of the PyTorch network."""
    bn1, bn2, bn3 = ([s[f"{n}.{f}"] for f in ("bias", "weight", "running_mean", "running_var")]
                     for n in ("bn1", "bn2", "features"))
    bn1[2], bn3[2] = bn1[2] - s["conv1.bias"], bn3[2] - s["fc.bias"]
    parts = bn1 + [s["conv1.weight"], np.repeat(s["prelu.weight"], 3)] + bn2 + [np.ones(3)]
    parts += bn3[:1] + [s["fc.weight"]] + bn3[1:]
    return np.concatenate([p.ravel() for p in parts]).astype("<f4")


def bring(state, *options, cfg="net.cfg", legacy=False):
    torch_save("s.pth", state, legacy)
    return script("import_torch.py", cfg, "s.pth", "o.weights", "--force", *options)


def is_right(done, state, tolerance=0):
    expect_end(done)
    data = read("o.weights")
    expect(data[:20] == struct.pack("<iiiQ", 0, 2, 0, 0), "another header")
    got, want = np.frombuffer(data[20:], "<f4"), weights_of(state)
    expect(got.shape == want.shape and np.abs(got - want).max() <= tolerance, "other numbers")


def start():
    write("net.cfg", CFG)


def numbers():
    state = model()
    is_right(bring(state), state)
    done = bring(state)
    for text in ("    0  convolutional             69  conv1, bn1, prelu\n",
                 "    1  depthwise                 15  bn2 (filters of 1)\n",
                 "    2  connected                 80  fc, features\n", "batch norm: eps 1e-05",
                 "input: RGB, (pixel - 0) * 0.00392157, as the cfg says"):
        expect(text in done.stdout, f"no '{text}' in {done.stdout}")


def forms():
    state = model()
    is_right(bring(state, legacy=True), state)
    is_right(bring(collections.OrderedDict(state)), state)
    is_right(bring({f"module.{k}": v for k, v in state.items()}), state)
    is_right(bring({"epoch": 3, "state_dict": state, "args": types.SimpleNamespace(a=1)}), state)
    is_right(bring({"net": state, "epoch": 3}, legacy=True), state)
    is_right(bring({k: np.asfortranarray(v) for k, v in state.items()}), state)
    is_right(bring({k: v.astype("f8") if v.dtype == "f4" else v for k, v in state.items()}), state)
    is_right(bring({k: v.astype("f2") if v.dtype == "f4" else v for k, v in state.items()}), state,
             2e-3)
    short = {k: (v.view("u4") >> 16).astype("u2") if v.dtype == "f4" else v
             for k, v in state.items()}
    is_right(bring(short), state, 2e-2)


def parts_and_order():
    state = model()
    both = {"student": state, "teacher": {k: v * 2 for k, v in state.items()}}
    expect_end(bring(both), 1, "s.pth: has several networks: --part student or teacher")
    is_right(bring(both, "--part", "student"), state)
    mixed = dict(sorted(state.items()))  # in the order bn1, bn2, conv1, fc, features, prelu
    expect_end(bring(mixed), 1,
               "needs a Conv2d 3 x 2 x 3 x 3, next in the file is bn1, a BatchNorm 3")
    write("order.txt", "conv1\nbn1\nprelu\nbn2\nfc\nfeatures\n")
    is_right(bring(mixed, "--order", "order.txt"), state)
    write("order.txt", "conv1\nbn1\nconv1\n")
    expect_end(bring(mixed, "--order", "order.txt"), 1, "order.txt:3: conv1: no such module")


def rest():
    """Modules that no layer uses are listed. A Linear gives the class vectors of a loss only when
    it has as many rows as the cfg has classes. Otherwise the class vectors get initial values."""
    state = model() | {"head.weight": np.ones((5, 2), "f4"), "ema": np.ones(3, "f4")}
    done = bring(state)
    is_right(done, state)
    expect("   not used: head.weight, 5 x 2\n" in done.stdout, done.stdout)
    expect("   not used: ema, 3\n" in done.stdout, done.stdout)
    for classes, filled in ((5, True), (4, False)):
        write("head.cfg", CFG + f"[margin_softmax]\nclasses={classes}\n")
        done = bring(state, cfg="head.cfg")
        expect_end(done)
        line = "not filled: layer 3 [margin_softmax] (head.cfg:19), gets initial values"
        expect((line in done.stdout) != filled, done.stdout)
        expect(len(read("o.weights")) == 20 + 4 * (164 + 10 * filled), "another length")


def messages():
    def without(name):
        return {k: v for k, v in model().items() if not k.startswith(name)}

    def changed(key, value):
        return model() | {key: np.array(value, "f4")}
    for state, said in (
            (without("prelu"),
             "s.pth: layer 0 [convolutional] (net.cfg:5): needs a PReLU 3, next in "
             "the file is bn2, a BatchNorm 3"),
            (without("features"), "layer 2 [connected] (net.cfg:15): needs a BatchNorm 2, the file "
             "has no module left"),
            (changed("conv1.weight", np.ones((3, 2, 5, 5))), "layer 0 [convolutional] (net.cfg:5): "
             "needs a Conv2d 3 x 2 x 3 x 3, next in the file is conv1, a Conv2d 3 x 2 x 5 x 5"),
            (changed("fc.bias", [1, np.nan]), "fc.bias: not all are finite numbers"),
            (changed("bn1.running_var", [1, -1, 1]), "bn1.running_var: has a negative number"),
            (changed("bn1.bias", [1, 2]), "bn1.bias: 2 numbers, bn1 has 3"),
            ({"epoch": 3}, "s.pth: has no tensors with names"),
            (types.SimpleNamespace(x=1),
             "s.pth: a whole object of types.SimpleNamespace; in PyTorch, "
             "torch.save(model.state_dict(), FILE) writes what is read here")):
        expect_end(bring(state), 1, said)
    write("norm.cfg", NET + "[batchnorm]\n")
    expect_end(bring({"b.running_mean": np.ones(2), "b.running_var": np.ones(2), "b.weight":
                      np.ones(2), "b.bias": np.ones(2)}, cfg="norm.cfg"), 1, "[batchnorm] "
               "(norm.cfg:5): has no biases, b has: [depthwise] size=1 batch_normalize=1 computes")
    write("low.cfg", NET + "[low_rank]\nfilters=4\nrank=1\n")
    expect_end(bring(model(), cfg="low.cfg"), 1, "layer 0 [low_rank] (low.cfg:5): is not filled")
    for data, said in ((b"\x89HDF\r\n", "HDF5 (Keras)"),
                       (struct.pack("<iii", 0, 2, 0), "weights of "
                       "Darknet"), (b"\x08\x07", "ONNX"), (b"\x93NUMPY", "an array of NumPy"),
                       (struct.pack("<Q", 9) + b'{"a":1}', "safetensors")):
        write("other.pth", data)
        expect_end(script("import_torch.py", "net.cfg", "other.pth", "never"), 1,
                   f"other.pth: {said}, not a file of torch.save")
    expect(not os.path.exists("never"), "a file was left")


def nothing_is_lost():
    torch_save("s.pth", model())
    write("mine", "mine")
    expect_end(script("import_torch.py", "net.cfg", "s.pth", "mine"), 1, "mine: exists; --force")
    expect_end(script("import_torch.py", "net.cfg", "s.pth", "s.pth", "--force"), 1,
               "s.pth: is an input of this very command")
    write("bad.cfg", CFG.replace("filters=3", "filters=4"))
    expect_end(script("import_torch.py", "bad.cfg", "s.pth", "mine", "--force"), 1,
               "needs a Conv2d")
    expect(read("mine") == b"mine", "the file is another")


def eps():
    """--eps 0 is refused: without eps, batch norm would divide by a variance of 0."""
    torch_save("s.pth", model())
    expect_end(script("import_torch.py", "net.cfg", "s.pth", "never", "--eps", "0"), 2,
               "argument --eps: 0: must be above 0 and at most 1")


def keys():
    torch_save("s.pth", model())
    done = script("import_torch.py", "--keys", "s.pth")
    expect_end(done)
    expect(len(done.stdout.splitlines()) == 20 and "conv1.weight                  3 x 2 x 3 x 3   "
           in done.stdout, done.stdout)


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm",)


class Widened:
    """An object that pickle stores as a tensor of shape (2,), and then a command to change it."""

    def __reduce__(self):
        args = (Storage(np.ones(2, "f4")), 0, (2,), (1,), False, collections.OrderedDict())
        return _rebuild_tensor_v2, args, {"shape": (1 << 40,)}


def harm():
    """The script runs no code of the file, and reads no number outside of a tensor's storage."""
    is_right(bring({"state_dict": model(), "x": Harm()}), model())
    expect(not os.path.exists("harm"), "the file's code was run")
    expect_end(bring({"w": Widened()}), 1, "a tensor with fields of its own")
    for shape, stride in (((3,), (1,)), ((2,), (2,)), ((-1,), (1,)), ((2,), (-1,)),
                          ((1 << 70,), (0,))):
        class Long:
            def __reduce__(self, shape=shape, stride=stride):
                return _rebuild_tensor_v2, (Storage(np.ones(2, "f4")), 0, shape, stride, False,
                                            None)
        expect_end(bring({"w": Long()}), 1,
                   "s.pth: not a file of torch.save, or damaged: a tensor ")


def damage():
    """Reading a damaged file succeeds or raises Failure, and no other exception."""
    rng, refused = random.Random(1), 0
    for legacy in (False, True):
        torch_save("s.pth", model(), legacy)
        whole = read("s.pth")
        for k in range(400):
            data = bytearray(whole[:rng.randrange(len(whole))] if k % 4 == 0 else whole)
            for _ in range(k % 4):
                data[rng.randrange(len(data))] = rng.randrange(256)
            write("d.pth", bytes(data))
            try:
                for tensor in read_state("d.pth").values():
                    tensor.numbers()
            except Failure:
                refused += 1
    expect(refused > 200, f"only {refused} of 800 refused")


attempt_all(start, numbers, forms, parts_and_order, rest, messages, nothing_is_lost, eps, keys,
            harm, damage)
summary()
