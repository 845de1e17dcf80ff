"""Turns windows of ONNX into windows of a cfg, which have one stride and one padding."""
import numpy as np


def pads_of(node, size, kernel, strides, dilations):
    """Returns the padding [top, left, bottom, right] of pads= or auto_pad=."""
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "", "VALID"):
        return list(node.get("pads", [0] * 4)) if auto != "VALID" else [0] * 4
    first, last = [], []
    for n, k, s, d in zip(size, kernel, strides, dilations):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        first.append(large if auto == "SAME_LOWER" else small)
        last.append(small if auto == "SAME_LOWER" else large)
    return first + last


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
