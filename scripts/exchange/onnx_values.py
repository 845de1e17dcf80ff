"""Values of an ONNX model during its import, and their arithmetic with constants."""
import copy

import numpy as np

HAS_ACTIVATION = ("convolutional", "depthwise", "global_depthwise", "connected", "batchnorm",
                  "shortcut")
LENGTHS = ("length", "sum of squares")  # the words in Value.parts for |x| and |x|^2
MOST_EPSILON = 1e-4  # the largest epsilon in x / |x| that is dropped: [l2norm] has its own
EXACT = 1e-6  # the largest error of a constant such as 1/6; relative for constants above 1


class Value:
    """The output of a layer, or a function of the output that no layer computes yet.

    layer: the layer's number, -1 for the input. shape: (h, w, c). name: the name in the file.
    form: the dimensions in the file: map (N, C, H, W), flat (N, C*H*W), hwc (N, H, W, C), flat_hwc
    (N, H*W*C), groups (N, G, C/G, H, W), mixed (N, C/G, G, H, W).
    parts: None, or (word, arguments) of the function, for example ("affine", a, b, ...).
    is_shared: other nodes read the same numbers under another name (of a Reshape, for example).
    is_normalised: the network's input after input_mean= and input_scale=."""

    def __init__(self, layer, shape, form="map", parts=None, name="", groups=1):
        self.layer, self.shape, self.form, self.parts = layer, tuple(shape), form, parts
        self.name, self.groups, self.is_shared = name, groups, False
        self.is_normalised = False

    @property
    def dims(self):
        (h, w, c), g = self.shape, self.groups
        return {"map": (1, c, h, w), "flat": (1, c * h * w), "flat_hwc": (1, c * h * w),
                "hwc": (1, h, w, c), "groups": (1, g, c // g, h, w),
                "mixed": (1, c // g, g, h, w)}[self.form]

    @property
    def channel_axis(self):
        """The index of the dimension that has only the channels. None when one dimension joins
        channels and pixels, or when the channels are in groups."""
        return {"map": 1, "hwc": 3}.get(self.form, 1 if self.is_point and "flat" in self.form
                                        else None)

    @property
    def word(self):
        return self.parts[0] if self.parts else None

    @property
    def is_point(self):
        return self.shape[:2] == (1, 1)

    def like(self, **changes):
        out = copy.copy(self)
        out.__dict__.update(changes)
        return out

    def same(self, other):
        return isinstance(other, Value) and self.parts is other.parts and \
            (self.layer, self.form) == (other.layer, other.form)


def form_of(*inputs):
    """Returns the form, "flat" or "map", of the output of an operation on `inputs`. Use it only for
    operations that keep the order of the channels."""
    return "flat" if all(x.form == "flat" for x in inputs) else "map"


def is_near(a, b):
    return np.size(a) == 1 and abs(float(np.ravel(a)[0]) - b) < EXACT * max(1, abs(b))


def affine(t, x, a, b):
    """Returns the value a x + b. a, b: numbers, or arrays of one number for each channel."""
    base = x
    if x.word == "affine":
        a0, b0, base = x.parts[1:]
        a, b = a0 * a, b0 * a + b
    elif x.parts:
        base = t.layer_of(x)
    return base.like(parts=("affine", a, b, base))


def per_channel(t, x, constant):
    """Returns the constant of an elementwise operation with x: a scalar or a number per channel."""
    k = np.asarray(constant, np.float64)
    if k.size == 1:
        return k.reshape(())
    rank = len(x.dims)
    if (1,) * (rank - k.ndim) + k.shape != tuple(x.shape[2] if i == x.channel_axis else 1
                                                 for i in range(rank)):
        t.fail(f"a constant of {' x '.join(map(str, k.shape))} beside {x.dims} has no layer here")
    return k.ravel()


def without_epsilon(t, x, epsilon):
    """Returns x, the length |v| of vectors v. Drops the epsilon that keeps v / |v| from dividing by
    0, because [l2norm] has an epsilon of its own. Fails when the epsilon is large."""
    if np.size(epsilon) != 1 or not 0 <= float(np.ravel(epsilon)[0]) <= MOST_EPSILON:
        t.fail(f"changes |x| in x / |x| by {np.ravel(epsilon)[0]:g}: only an epsilon of at most "
               f"{MOST_EPSILON:g} has a layer here")
    return x
