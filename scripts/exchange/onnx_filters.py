"""Turns ONNX operators with weights into layers: convolutions, matrix products, batch norm."""
import math

import numpy as np

from exchange.onnx_values import Value
from exchange.onnx_windows import embed, pads_of, without_pad
from lib.darknet_files import BN_EPS


def conv(t, n, x, w, b=None):
    x, before = without_pad(x)
    x = t.map_of(x)
    h, wide, c = x.shape
    if not isinstance(w, np.ndarray) or w.ndim != 4:
        t.fail("its filters must be constants of 4 dimensions")
    groups, strides = n.get("group", 1), n.get("strides", [1, 1])
    if w.shape[1] * groups != c or w.shape[0] % groups:
        t.fail(f"its filters are for {w.shape[1] * groups} channels, its input has {c}")
    if strides[0] != strides[1]:
        t.fail(f"strides={strides}: must be equal")
    dilations = n.get("dilations", [1, 1])
    pads = pads_of(n, (h, wide), w.shape[2:], strides, dilations, before)
    w, pad = embed(t, w.astype(np.float32), pads, dilations, (h, wide))
    if t.bgr and x.layer < 0:
        w = w[:, ::-1]
    outputs, _, kh, kw = w.shape
    biases = np.zeros(outputs) if b is None else b
    oh, ow = (h + 2 * pad - kh) // strides[0] + 1, (wide + 2 * pad - kw) // strides[0] + 1
    options = {"batch_normalize": 0, "activation": "linear"}
    if groups == c and (kh, kw) == (h, wide) and not pad and outputs == c and h <= 64:
        section = "global_depthwise"
    else:
        if kh != kw:
            t.fail(f"kernel_shape={n.get('kernel_shape', [kh, kw])}: must be square, or the whole "
                   "map in groups of one channel")
        section = "depthwise" if groups == c and c > 1 and kh <= 15 and strides[0] <= 16 and \
            outputs // c <= 64 and pad <= 64 else "convolutional"
        options = {"size": kh, "stride": strides[0], "padding": pad, **options}
        if section == "depthwise":
            options = {"multiplier": outputs // c, **options}
        else:
            options = {"filters": outputs, "groups": groups, **options}
    return t.add(section, options, [x], (oh, ow, outputs), weights=w, biases=biases)


def gemm(t, n, x, w, b=None):
    if isinstance(w, Value) or b is not None and isinstance(b, Value):
        t.fail("only constants may be multiplied by")
    folds = x.parts[1:] if isinstance(x, Value) and x.word == "features" else None
    x = x.like(parts=None) if folds else t.layer_of(x)
    if n.op == "Gemm" and n.get("transA", 0):
        t.fail("transA=1 has no layer here")
    w = np.asarray(w, np.float64)
    w = (w if n.op == "Gemm" and n.get("transB", 0) else w.T) * n.get("alpha", 1.)
    width = math.prod(x.shape)
    if x.form not in ("flat", "flat_hwc") or w.ndim != 2 or w.shape[1] != width:
        t.fail(f"multiplies {' x '.join(map(str, x.dims))} by {w.shape}: has no layer here")
    bias = np.zeros(len(w)) if b is None else \
        np.broadcast_to(np.ravel(b), (len(w),)) * n.get("beta", 1.)
    if folds:
        a, shift = folds
        w, bias = w * a, bias + w @ shift
    if x.form == "flat_hwc":
        h, wide, c = x.shape
        w = w.reshape(-1, h, wide, c).transpose(0, 3, 1, 2).reshape(len(w), -1)
    return t.add("connected", {"output": len(w), "batch_normalize": 0, "activation": "linear"}, [x],
                 (1, 1, len(w)), "flat", weights=w, biases=bias)


def batchnorm(t, n, x, gamma, beta, mean, variance, *_):
    if any(isinstance(v, Value) for v in (gamma, beta, mean, variance)):
        t.fail("its numbers must be constants")
    if n.get("training_mode", 0):
        t.fail("training_mode=1: only a network that predicts can be imported")
    if t.ones == "all" or n.name in t.ones or n.get("fix_gamma", 0):
        gamma = np.ones_like(gamma)
    x = t.layer_of(x)
    if n.get("spatial", 1) == 0 and x.form == "map" and np.size(gamma) != x.shape[2]:
        t.fail("spatial=0: has a mean for each pixel, which no layer has")
    gamma, beta, mean, variance = (np.ravel(v).astype(np.float64) for v in
                                   (gamma, beta, mean, variance))
    if (variance < 0).any():
        t.fail("its variance has a negative number")
    eps = n.get("epsilon", 1e-5)
    if x.form == "flat" and not x.is_point:  # gemm() will multiply this batch norm into its weights
        a = gamma / np.sqrt(variance + eps)
        return x.like(parts=("features", a, beta - mean * a))
    if len(gamma) != x.shape[2] or x.form not in ("map", "flat"):
        t.fail(f"has {len(gamma)} channels, its input {x.shape[2]}")
    if abs(eps - BN_EPS) > 1e-9:
        gamma = gamma * np.sqrt((variance + BN_EPS) / (variance + eps))
    layer = t.alone(x)
    if layer and layer.options.get("batch_normalize") == 0 and \
            layer.options["activation"] == "linear":
        layer.options["batch_normalize"] = 1
        t.fill(layer, scales=gamma, mean=mean - layer.params["biases"], variance=variance,
               biases=beta)
        return x
    return t.norm_layer(x, gamma, beta, mean, variance)
