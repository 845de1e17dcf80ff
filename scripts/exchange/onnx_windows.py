"""Turns windows of ONNX into windows of a cfg, which have one stride and one padding."""
import numpy as np

from exchange.onnx_values import Value


def without_pad(x):
    """Returns (x without a Pad node, the padding [top, left, bottom, right] of this node)."""
    is_padded = isinstance(x, Value) and x.word == "pad"
    return (x.like(parts=None), x.parts[1]) if is_padded else (x, [0] * 4)


def pads_of(node, size, kernel, strides, dilations, before):
    """Returns the padding [top, left, bottom, right] of pads= or auto_pad=, plus `before`, the
    padding of a Pad node."""
    auto, own = node.get("auto_pad", "NOTSET"), [0] * 4
    if auto in ("NOTSET", ""):
        own = node.get("pads", own)
    elif auto != "VALID":
        for i, (n, k, s, d) in enumerate(zip(size, kernel, strides, dilations)):
            n += before[i] + before[i + 2]
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            small, large = total // 2, total - total // 2
            own[i], own[i + 2] = (large, small) if auto == "SAME_LOWER" else (small, large)
    return [p + q for p, q in zip(own, before)]


def pool_of(t, node, size, before=(0, 0, 0, 0)):
    """Returns (kernel_shape, strides, padding) of a pool on a map of this size."""
    kernel, strides, flat = node.get("kernel_shape"), node.get("strides", [1, 1]), [1, 1]
    if node.get("dilations", flat) != flat:
        t.fail(f"dilations={node.get('dilations')}: has no layer here")
    return kernel, strides, pads_of(node, size, kernel, strides, flat, before)


def embed(t, w, pads, dilations, size):
    """Returns (filters, pad) of a convolution with the same result, without dilation and with equal
    padding on all sides. Zeros in the filters replace dilation and uneven padding."""
    if any(d != 1 for d in dilations):
        dh, dw = dilations
        n, c, kh, kw = w.shape
        wide = np.zeros((n, c, (kh - 1) * dh + 1, (kw - 1) * dw + 1), np.float32)
        wide[:, :, ::dh, ::dw] = w
        w = wide
    if min(pads) < 0:
        t.fail(f"pads={pads}: must not be negative")
    pad = max(pads)
    grown = [(pad - pads[0], pad - pads[2]), (pad - pads[1], pad - pads[3])]
    if any(map(any, grown)):
        w = np.pad(w, ((0, 0), (0, 0), *grown))
    if max(w.shape[2:]) > 255 or any(k > s + 2 * pad for k, s in zip(w.shape[2:], size)):
        t.fail(f"its filters of {w.shape[2]} x {w.shape[3]} are larger than its input")
    return w, pad


def symmetric(t, kernel, strides, pads):
    """Returns (size, stride, padding at the start, padding at both ends together) of a pooling
    window."""
    if kernel[0] != kernel[1] or strides[0] != strides[1] or min(kernel[0], strides[0]) < 1:
        t.fail(f"kernel_shape={list(kernel)} strides={list(strides)}: must be square and positive")
    if pads[0] != pads[1] or pads[2] != pads[3] or pads[2] - pads[0] not in (0, 1):
        t.fail(f"pads={pads}: must be equal, or one more at the end")
    return kernel[0], strides[0], pads[0], pads[0] + pads[2]
