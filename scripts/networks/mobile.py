"""MobileNet V1, V2, V3 and ShuffleNet V1, V2 for ImageNet; all but V3 also for faces."""
import functools

from networks.common import (FACE, GAP, GDCONV, IMAGENET, WIDTH, classes, face, gap, gdconv,
                             imagenet, shape)

V1_PAIRS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *5 * [(512, 1)], (1024, 2),
            (1024, 1))  # (output channels, stride) of a depthwise and a 1x1 convolution
V2_ROWS = (  # expansion, output channels, repeats, stride of the first bottleneck
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1))
STEM = 24  # channels after the first convolution of ShuffleNet
GROUPS = 3  # groups of the 1x1 convolutions of ShuffleNet V1
V3_LARGE = (  # size, channels: expanded, output, squeezed (0: no squeeze); activation, stride
    (3, 16, 16, 0, "relu", 1), (3, 64, 24, 0, "relu", 2), (3, 72, 24, 0, "relu", 1),
    (5, 72, 40, 24, "relu", 2), (5, 120, 40, 32, "relu", 1), (5, 120, 40, 32, "relu", 1),
    (3, 240, 80, 0, "hswish", 2), (3, 200, 80, 0, "hswish", 1), (3, 184, 80, 0, "hswish", 1),
    (3, 184, 80, 0, "hswish", 1), (3, 480, 112, 120, "hswish", 1), (3, 672, 112, 168, "hswish", 1),
    (5, 672, 160, 168, "hswish", 2), (5, 960, 160, 240, "hswish", 1),
    (5, 960, 160, 240, "hswish", 1))
V3_SMALL = (
    (3, 16, 16, 8, "relu", 2), (3, 72, 24, 0, "relu", 2), (3, 88, 24, 0, "relu", 1),
    (5, 96, 40, 24, "hswish", 2), (5, 240, 40, 64, "hswish", 1), (5, 240, 40, 64, "hswish", 1),
    (5, 120, 48, 32, "hswish", 1), (5, 144, 48, 40, "hswish", 1), (5, 288, 96, 72, "hswish", 2),
    (5, 576, 96, 144, "hswish", 1), (5, 576, 96, 144, "hswish", 1))


def v1_body(net, stride):
    net.comment(f"stem, stride {stride}")
    net.conv(32, 3, stride, "relu")
    for i, (filters, step) in enumerate(V1_PAIRS, 1):
        net.comment(f"pair {i}: {shape(net.shape)} -> {filters} channels, stride {step}")
        net.depthwise(3, step, "relu")
        net.conv(filters, act="relu")


def bottleneck(net, filters, expansion, stride):
    start = net.last
    c = net.shape[2]
    if expansion > 1:
        net.conv(c * expansion, act="relu6")
    net.depthwise(3, stride, "relu6")
    net.conv(filters)
    if stride == 1 and c == filters:
        net.shortcut(start)


def v2_body(net, stride):
    net.comment(f"stem, stride {stride}")
    net.conv(32, 3, stride, "relu6")
    for t, filters, repeats, step in V2_ROWS:
        for i in range(repeats):
            s = step if i == 0 else 1
            net.comment(f"bottleneck: {shape(net.shape)} -> x {t} -> {filters} channels, "
                        f"stride {s}")
            bottleneck(net, filters, t, s)
    net.comment(f"last 1x1: {shape(net.shape)} -> 1280 channels; not scaled by widths below 1")
    net.conv(1280, act="relu6", fixed=True)


def v3_body(net, rows):
    net.comment("stem")
    net.conv(16, 3, 2, "hswish")
    for size, expanded, filters, squeeze, act, stride in rows:
        c, start = net.shape[2], net.last
        net.comment(f"bottleneck: {shape(net.shape)} -> {expanded} -> {filters} channels, stride "
                    f"{stride}" + (f", squeeze to {squeeze}" if squeeze else ""))
        if expanded != c:
            net.conv(expanded, act=act)
        net.depthwise(size, stride, act)
        if squeeze:
            net.squeeze(squeeze)
        net.conv(filters)
        if stride == 1 and c == filters:
            net.shortcut(start)


def v3_head(net, last, features):
    net.comment(f"head: {shape(net.shape)} -> {last} channels -> their means -> {features}")
    net.conv(last, act="hswish")
    net.avgpool()
    net.connected(features, "hswish")
    net.dropout(.2)
    net.connected(1000)
    net.softmax()


def units(net, stages, unit):
    """Adds stages of ShuffleNet. stages: pairs (channels, number of units); unit: the function that
    adds a unit."""
    for filters, count in stages:
        for i in range(count):
            net.comment(f"unit: {shape(net.shape)} -> {filters} channels, stride {1 if i else 2}")
            unit(net, filters, 1 if i else 2)


def v1_unit(net, filters, stride):
    start, c = net.last, net.shape[2]
    if stride == 2:
        pooled = net.avgpool(3, 2)
        net.route(start)
    net.conv(filters // 4, act="relu", groups=1 if c == STEM else GROUPS)
    net.shuffle(GROUPS)
    net.depthwise(3, stride)
    if stride == 1:
        net.conv(filters, groups=GROUPS)
        net.shortcut(start, "relu")
    else:
        branch = net.conv(filters - c, act="relu", groups=GROUPS)
        net.route(pooled, branch)


def shufflenet_v1_body(net, stride):
    net.comment(f"stem, stride {stride}")
    net.conv(STEM, 3, stride, "relu")
    net.maxpool(3, 2, 2)
    units(net, ((240, 4), (480, 8), (960, 4)), v1_unit)


def v2_unit(net, filters, stride, act):
    start, c, half = net.last, net.shape[2], filters // 2
    if stride == 1:
        left = net.route(start, groups=2, group_id=0)
        net.route(start, groups=2, group_id=1)
    else:
        net.depthwise(3, 2)
        left = net.conv(c, act=act)
        net.route(start)
    net.conv(half, act=act)
    net.depthwise(3, stride)
    right = net.conv(half if stride == 1 else filters - c, act=act)
    net.route(left, right)
    net.shuffle(2)


def shufflenet_v2_body(net, pool, act):
    net.comment("stem")
    net.conv(STEM, 3, 2, act)
    if pool:
        net.maxpool(3, 2, 2)
    units(net, ((116, 4), (232, 8), (464, 4)), functools.partial(v2_unit, act=act))
    net.comment(f"last 1x1: {shape(net.shape)} -> 1024 channels")
    net.conv(1024, act=act)


# ---- the cfg files ----

IN_TABLE_2 = "(Chen et al., arXiv 1804.07573, Table 2) compares it: stride 1 in the first layer"
SQUEEZE = ("Squeeze", [
    "to a quarter of the expanded width, rounded to a multiple of 8, with biases. It comes",
    "after the activation of the depthwise layer, as in torchvision"])
V3 = "Searching for MobileNetV3, Howard et al., arXiv 1905.02244, Table "
V2_FACE = [
    "MobileNetV2, Sandler et al., arXiv 1801.04381, Table 2, as the MobileFaceNets",
    "paper (Chen et al., arXiv 1804.07573, Table 2) compares it: stride 1 in the first", "layer"]
SHUFFLE_NOTE = ("Groups", [
    "for another number of groups, change groups= of each grouped [convolutional] and",
    "[channel_shuffle], and the widths of the three stages: 144, 200, 240, 272 and 384 for",
    "1, 2, 3, 4 and 8 groups in the first stage, doubled in each next stage. The first 1x1",
    "convolution has no groups"])
V2_WIDTHS = ("Width", [
    "1x. Channels of the stages at other widths: 48, 96, 192 at 0.5x; 176, 352, 704 at 1.5x;",
    "244, 488, 976 at 2x, where the last 1x1 has 2048 channels instead of 1024"])

NETWORKS = {
    "mobilenet-v1": lambda: imagenet(
        "MobileNet V1", IMAGENET + WIDTH, lambda net: v1_body(net, 2), classes,
        "MobileNets, Howard et al., arXiv 1704.04861, Table 1",
        ("Width", ["width_multiplier in [net]: .75, .5 and .25 have 2.586, 1.332 and 0.470 M",
                   "parameters, 325.4, 149.5 and 41.0 M multiply-adds"]),
        ("Note", "the last depthwise has stride 1: the paper's table has 2, its map sizes need 1")),
    "mobilenet-v1-face": lambda: face(
        "MobileNet V1 for faces", FACE + WIDTH, lambda net: v1_body(net, 1), gap,
        ["MobileNets, Howard et al., arXiv 1704.04861, Table 1, as the MobileFaceNets paper",
         IN_TABLE_2], GAP),
    "mobilenet-v2": lambda: imagenet(
        "MobileNet V2", IMAGENET + WIDTH, lambda net: v2_body(net, 2),
        lambda net: classes(net, dropout=.2),
        "MobileNetV2, Sandler et al., arXiv 1801.04381, Table 2",
        ("Width", ["width_multiplier in [net] multiplies every filters=, also expanded widths. The",
                   "paper expands the rounded width; the result may differ by the divisor"])),
    "mobilenet-v2-face": lambda: face("MobileNet V2 for faces", FACE + WIDTH,
                                      lambda net: v2_body(net, 1), gap, V2_FACE, GAP),
    "mobilenet-v2-face-gdconv": lambda: face(
        "MobileNet V2 for faces, global depthwise", FACE + WIDTH, lambda net: v2_body(net, 1),
        gdconv, V2_FACE, GDCONV),
    "mobilenet-v3-large": lambda: imagenet(
        "MobileNet V3 large", IMAGENET + WIDTH, lambda net: v3_body(net, V3_LARGE),
        lambda net: v3_head(net, 960, 1280), V3 + "1", SQUEEZE),
    "mobilenet-v3-small": lambda: imagenet(
        "MobileNet V3 small", IMAGENET + WIDTH, lambda net: v3_body(net, V3_SMALL),
        lambda net: v3_head(net, 576, 1024), V3 + "2", SQUEEZE),
    "shufflenet-v1": lambda: imagenet(
        "ShuffleNet V1, 3 groups", IMAGENET, lambda net: shufflenet_v1_body(net, 2), classes,
        ["ShuffleNet, Zhang et al., arXiv 1707.01083, Table 1; the shuffle comes before the",
         "depthwise layer, as in the paper"], SHUFFLE_NOTE,
        output="1000 classes; the classifier has biases, the authors' has none"),
    "shufflenet-v1-face": lambda: face(
        "ShuffleNet V1 for faces, 3 groups", FACE, lambda net: shufflenet_v1_body(net, 1), gap,
        ["ShuffleNet, Zhang et al., arXiv 1707.01083, Table 1, as the MobileFaceNets paper",
         IN_TABLE_2], GAP, SHUFFLE_NOTE),
    "shufflenet-v2": lambda: imagenet(
        "ShuffleNet V2, 1x", IMAGENET, lambda net: shufflenet_v2_body(net, True, "relu"), classes,
        "ShuffleNet V2, Ma et al., arXiv 1807.11164, Table 5",
        ("Units", ["the left branch of a unit of stride 2 has as many outputs as inputs; the "
                   "parameters", "are then those of the paper"]), V2_WIDTHS),
    "shufflenet-v2-face": lambda: face(
        "ShuffleFaceNet: ShuffleNet V2 for faces, 1x", FACE,
        lambda net: shufflenet_v2_body(net, False, "prelu"), gdconv,
        ["ShuffleNet V2, Ma et al., arXiv 1807.11164, Table 5; head, PReLU and no pooling after",
         "the stem as in ShuffleFaceNet, Martinez-Diaz et al., ICCV workshops 2019"],
        GDCONV, V2_WIDTHS)}
