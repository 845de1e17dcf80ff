"""Writes the cfg file of a network, section by section. Counts its parameters and multiply-adds.

    net = Cfg("MobileNet V1", 224)
    net.conv(32, 3, 2, "relu")                  # adds a section; returns the number of the layer
    net.text([("Paper", "...")])                # returns the file's text, with a header

Cfg counts as papers do. Parameters are filters, biases, batch norm scales and PReLU slopes, but not
running statistics. Only convolutions and connected layers have multiply-adds."""


class Cfg:
    def __init__(self, title, side, options=()):
        self.title, self.options = title, list(options)
        self.side = side
        self.lines, self.shapes = [], []
        self.shape = (side, side, 3)
        self.parameters = self.multiply_adds = 0

    @property
    def last(self):
        return len(self.shapes) - 1

    def comment(self, text):
        self.lines += [f"# ---- {text} ----", ""]

    def _section(self, name, shape, **options):
        self.lines.append(f"[{name}]")
        self.lines += [f"{k}={v}" for k, v in options.items() if v is not None]
        self.lines.append("")
        self.shape = shape
        self.shapes.append(shape)
        return self.last

    def _back(self, layer):
        return layer - len(self.shapes)

    def _sides(self, size, stride, padding):
        """Returns (h, w) of the output of a convolution or pool. padding: the pixels on two
        opposite sides together."""
        return [(n + padding - size) // stride + 1 for n in self.shape[:2]]

    # ---- layers with weights ----

    def conv(self, filters, size=1, stride=1, act="linear", groups=1, bn=True, fixed=False):
        """Adds a convolution with padding size/2. fixed: True protects `filters` from
        width_multiplier."""
        pad = size // 2
        h, w = self._sides(size, stride, 2 * pad)
        weights = filters * (self.shape[2] // groups) * size * size
        self.parameters += weights + filters * (1 + bn + (act == "prelu"))
        self.multiply_adds += h * w * weights
        return self._section("convolutional", (h, w, filters), filters=filters, size=size,
                             stride=stride, pad=1 if pad else None,
                             groups=groups if groups > 1 else None,
                             batch_normalize=1 if bn else None, activation=act,
                             fixed_width=1 if fixed else None)

    def depthwise(self, size=3, stride=1, act="linear"):
        c = self.shape[2]
        h, w = self._sides(size, stride, size // 2 * 2)
        self.parameters += c * size * size + c * (2 + (act == "prelu"))
        self.multiply_adds += h * w * c * size * size
        return self._section("depthwise", (h, w, c), size=size, stride=stride, pad=1,
                             batch_normalize=1, activation=act)

    def global_depthwise(self):
        h, w, c = self.shape
        self.parameters += c * h * w + 2 * c
        self.multiply_adds += c * h * w
        return self._section("global_depthwise", (1, 1, c), batch_normalize=1, activation="linear")

    def connected(self, outputs, act="linear", bn=False):
        h, w, c = self.shape
        self.parameters += h * w * c * outputs + outputs * (1 + bn)
        self.multiply_adds += h * w * c * outputs
        return self._section("connected", (1, 1, outputs), output=outputs,
                             batch_normalize=1 if bn else None, activation=act)

    def batchnorm(self, act=None):
        """Adds a batch norm with a trained shift, which libdarknet's [batchnorm] does not have."""
        self.parameters += self.shape[2] * (2 + (act == "prelu"))
        return self._section("batchnorm", self.shape, shift=1, activation=act)

    # ---- layers without weights; squeeze() adds two convolutions ----

    def maxpool(self, size, stride, padding):
        """Adds a max pool. padding: the pixels on the left and right together. Top and bottom
        together get as many."""
        shape = (*self._sides(size, stride, padding), self.shape[2])
        return self._section("maxpool", shape, size=size, stride=stride, padding=padding)

    def avgpool(self, size=None, stride=None, pad=True):
        c = self.shape[2]
        if size is None:
            return self._section("avgpool", (1, 1, c))
        h, w = self._sides(size, stride, size // 2 * 2 if pad else 0)
        return self._section("avgpool", (h, w, c), size=size, stride=stride,
                             pad=1 if pad else None)

    def upsample(self):
        h, w, c = self.shape
        return self._section("upsample", (2 * h, 2 * w, c), stride=2)

    def shuffle(self, groups):
        return self._section("channel_shuffle", self.shape, groups=groups)

    def shortcut(self, layer, act="linear"):
        assert self.shapes[layer] == self.shape
        return self._section("shortcut", self.shape, **{"from": self._back(layer)}, activation=act)

    def route(self, *layers, groups=1, group_id=0):
        h, w, _ = self.shapes[layers[0]]
        assert all(self.shapes[k][:2] == (h, w) for k in layers)
        c = sum(self.shapes[k][2] // groups for k in layers)
        return self._section("route", (h, w, c),
                             layers=",".join(str(self._back(k)) for k in layers),
                             groups=groups if groups > 1 else None,
                             group_id=group_id if groups > 1 else None)

    def scale_channels(self, layer):
        assert self.shape == (1, 1, self.shapes[layer][2])
        return self._section("scale_channels", self.shapes[layer], **{"from": self._back(layer)})

    def sam(self, layer):
        assert self.shapes[layer] == self.shape
        return self._section("sam", self.shape, **{"from": self._back(layer)})

    def activation(self, act):
        return self._section("activation", self.shape, activation=act)

    def dropout(self, probability):
        return self._section("dropout", self.shape, probability=probability)

    def softmax(self):
        return self._section("softmax", self.shape)

    def squeeze(self, width, first="relu", last="hsigmoid"):
        """Adds squeeze and excitation of the last layer's map (Hu et al., arXiv 1709.01507). width:
        the channels between the two convolutions."""
        layer = self.last
        c = self.shape[2]
        self.avgpool()
        self.conv(width, act=first, bn=False)
        self.conv(c, act=last, bn=False)
        return self.scale_channels(layer)

    # ---- the text of the cfg file ----

    def text(self, header):
        """Returns the cfg file's text. header: pairs (name, line or lines) for its top comment."""
        rows = list(header) + [
            ("Parameters", f"{self.parameters:,} (filters, batch-norm scales and biases, slopes)"),
            ("Work", f"{self.multiply_adds:,} multiply-adds per image")]
        out = [f"# {self.title}", "#"]
        for name, lines in rows:
            for i, line in enumerate([lines] if isinstance(lines, str) else lines):
                out.append(f"# {name if i == 0 else '':<10} {line}")
        out += ["", "[net]", "# Input", f"width={self.side}", f"height={self.side}", "channels=3"]
        out += [line if isinstance(line, str) else f"{line[0]}={line[1]}" for line in self.options]
        out.append("")
        return "\n".join(out + self.lines).rstrip("\n") + "\n"
