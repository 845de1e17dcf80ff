"""Turns ONNX operators on maps into layers: concatenation, slices, pads, pools, new shapes."""
import numpy as np

from exchange.onnx_fold import FOLD, axes_of, slices_of
from exchange.onnx_values import Value, form_of
from exchange.onnx_windows import pool_of, symmetric, without_pad


def concat(t, n, *inputs):
    axis, form = n.get("axis", 1) % len(inputs[0].dims), form_of(*inputs)
    inputs = [t.map_of(x) for x in inputs]
    if axis != 1:
        t.fail(f"axis={n.get('axis')}: only channels (1) can be joined")
    if len({x.shape[:2] for x in inputs}) > 1:
        t.fail("joins maps of different sizes")
    return t.add("route", {}, inputs, (*inputs[0].shape[:2], sum(x.shape[2] for x in inputs)), form)


def part(t, x, first, count, form):
    """Adds a [route] that takes the channels [first, first + count)."""
    c = x.shape[2]
    if count < 1 or c % count or first % count:
        t.fail(f"takes channels {first} to {first + count - 1} of {c}: only one of equal parts has "
               "a layer here")
    return t.add("route", {"groups": c // count, "group_id": first // count}, [x],
                 (*x.shape[:2], count), form)


def slice_(t, n, x, *args):
    given, x, rank = x, t.map_of(x), len(x.dims)
    starts, ends, axes, steps = slices_of(n, args)
    if len(axes) != 1 or int(axes[0]) % rank != 1 or int(steps[0]) != 1:
        t.fail("only channels (axis 1, step 1) can be cut apart")
    first, end, _ = slice(int(starts[0]), int(ends[0])).indices(x.shape[2])
    if (first, end) == (0, x.shape[2]):
        return t.layer_of(given)
    return part(t, x, first, end - first, form_of(given))


def split(t, n, x, sizes=None):
    form, rank, x = form_of(x), len(x.dims), t.map_of(x)
    if n.get("axis", 0) % rank != 1:
        t.fail(f"axis={n.get('axis', 0)}: only channels (1) can be cut apart")
    sizes = n.get("split") if sizes is None else [int(s) for s in sizes]
    sizes = sizes or [-(-x.shape[2] // len(n.outputs))] * len(n.outputs)
    return [part(t, x, sum(sizes[:i]), s, form) for i, s in enumerate(sizes)]


def pad(t, n, x, pads=None, value=None, _axes=None):
    x = t.map_of(x)
    pads = n.get("pads") if pads is None else [int(p) for p in pads]
    value = n.get("value", 0.) if value is None else float(np.ravel(value)[0])
    if n.get("mode", "constant") != "constant" or value != 0 or len(pads) != 8 or \
            any(pads[i] for i in (0, 1, 4, 5)) or min(pads) < 0:
        t.fail("only zeros around the pixels have a layer here")
    return x.like(parts=("pad", [pads[2], pads[3], pads[6], pads[7]])) if any(pads) else x


def average(t, n, x):
    x, before = without_pad(x)
    x = t.map_of(x)
    kernel, strides, pads = pool_of(t, n, x.shape[:2], before)
    if (pads != before or n.get("ceil_mode", 0)) and not n.get("count_include_pad", 0):
        if any(before):
            t.fail("count_include_pad=0 after a Pad: has no layer here")
        return inside(t, n, x, "local_avgpool")
    if tuple(kernel) == x.shape[:2] and not any(pads):
        return t.add("avgpool", {}, [x], (1, 1, x.shape[2]))
    size, stride, first, both = symmetric(t, kernel, strides, pads)
    if both != 2 * first or first not in (0, size // 2):
        t.fail(f"pads={pads}: must be 0 or half of the window, {size // 2}, on each side")
    out = [(s + both - size) // stride + 1 for s in x.shape[:2]]
    if n.get("ceil_mode", 0) and any((s + both - size) % stride for s in x.shape[:2]):
        t.fail("ceil_mode=1: windows that reach over the border have no layer here")
    return t.add("avgpool", {"size": size, "stride": stride, "pad": int(first > 0)}, [x],
                 (*out, x.shape[2]))


def global_average(t, n, x, *axes):
    if n.op == "ReduceMean":
        dims = axes_of(n, (x, *axes))
        if dims is None or {d % 4 for d in dims} != {2, 3}:
            t.fail("only the mean over height and width has a layer here")
    x = t.map_of(x)
    keeps = n.op != "ReduceMean" or n.get("keepdims", 1)
    return t.add("avgpool", {}, [x], (1, 1, x.shape[2]), "map" if keeps else "flat")


def maximum(t, n, x):
    return inside(t, n, t.map_of(x), "maxpool")


def inside(t, n, x, section):
    """Adds a pool that ignores pixels outside of the map. section: maxpool or local_avgpool."""
    kernel, strides, pads = pool_of(t, n, x.shape[:2])
    size, stride, first, both = symmetric(t, kernel, strides, pads)
    ceil = n.get("ceil_mode", 0)
    for total in range(both, 2 * first + 2 if ceil else both + 1):
        out = [(s + total - size) // stride + 1 for s in x.shape[:2]]
        want = [-(-(s + both - size) // stride) + 1 if ceil else (s + both - size) // stride + 1
                for s in x.shape[:2]]
        if out == want and total // 2 == first:
            return t.add(section, {"size": size, "stride": stride, "padding": total}, [x],
                         (*out, x.shape[2]))
    return t.fail(f"pads={pads}: the windows have no layer here")


def reshape(t, n, x, *args):
    """Converts Flatten, Reshape, Squeeze and Unsqueeze. Returns x with the form (order of channels
    and pixels) that has the new dimensions."""
    if x.word != "features":
        x = t.layer_of(x)
    if any(isinstance(a, Value) for a in args):
        t.fail("its shape must be a constant")
    if n.op == "Reshape" and list(args[0][:1]) == t.model.dims[:1]:
        args = [[1, *args[0][1:]]]  # the file fixes the batch size; a Value has one image
    return formed(t, n, x, FOLD[n.op](n, np.empty(x.dims), *args).shape)


def formed(t, n, x, new):
    h, w, c = x.shape
    if new == x.dims:
        return x
    if new == (1, c * h * w) and x.form in ("map", "hwc", "flat"):
        return x.like(form="flat_hwc" if x.form == "hwc" and not x.is_point else "flat")
    if new == (1, c, h, w) and (x.form == "flat" or x.is_point):
        return x.like(form="map")
    if new == (1, c, h, w) and x.form == "mixed":
        return t.add("channel_shuffle", {"groups": x.groups}, [x], x.shape)
    if len(new) == 5 and x.form == "map" and new[3:] == (h, w) and new[1] * new[2] == c:
        return x.like(form="groups", groups=new[1])
    return t.fail(f"{x.dims} to {new} is neither a flattening nor a shuffle of channels")


def transpose(t, n, x):
    x, perm = t.layer_of(x), n.get("perm")
    if perm == [0, 2, 3, 1] and x.form == "map":
        return x.like(form="hwc")
    if perm == [0, 3, 1, 2] and x.form == "hwc":
        return x.like(form="map")
    if perm == [0, 2, 1, 3, 4] and x.form == "groups":
        return x.like(form="mixed")
    if perm == list(range(len(x.dims))):
        return x
    return t.fail(f"perm={perm}: is neither a flattening nor a shuffle of channels")
