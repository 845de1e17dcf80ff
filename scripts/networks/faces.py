"""Large networks for face recognition: residual networks, also with squeeze and excitation or
attention, and DenseNet."""
from networks.common import LARGE_FACE, face, shape

WIDTHS = (64, 128, 256, 512)


def residual(net, filters, stride, squeeze=False, is_plain=False):
    """Adds a residual block (ArcFace, Deng et al., arXiv 1801.07698) and returns the number of its
    last layer. is_plain: no batch norm between the two 3x3 convolutions; when the shortcut changes
    only the stride, a max pool replaces its 1x1 convolution."""
    start, c = net.last, net.shape[2]
    net.batchnorm()
    net.conv(filters, 3, 1, "prelu", bn=not is_plain)
    end = net.conv(filters, 3, stride)
    if squeeze:
        end = net.squeeze(filters // 16, "relu" if is_plain else "prelu", "logistic")
    if stride == 1 and c == filters:
        return net.shortcut(start)
    net.route(start)
    if is_plain and c == filters:
        net.maxpool(1, stride, 0)
    else:
        net.conv(filters, 1, stride)
    return net.shortcut(end)


def flat_head(net, numbers, dropout=None):
    net.comment(f"head: {shape(net.shape)} -> embedding of {numbers}")
    net.batchnorm()
    if dropout:
        net.dropout(dropout)
    net.connected(numbers, bn=True)


def stages(net, blocks, **more):
    net.comment("stem")
    net.conv(64, 3, 1, "prelu")
    for filters, count in zip(WIDTHS, blocks):
        for i in range(count):
            net.comment(f"block {i + 1} of {count}: {shape(net.shape)} -> {filters} channels, "
                        f"stride {1 if i else 2}")
            residual(net, filters, 1 if i else 2, **more)


def gdconv_head(net):
    net.comment(f"head: {shape(net.shape)} -> 1x1x512 -> embedding of 256")
    net.global_depthwise()
    net.conv(256, fixed=True)


def block(net, filters, stride=1):
    return residual(net, filters, stride, squeeze=True, is_plain=True)


def attention(net, levels, filters):
    """Adds an attention module: (1 + mask) * trunk. levels: how often the mask branch halves the
    height and width of its map."""
    start = block(net, filters)
    block(net, filters)
    trunk = block(net, filters)
    net.route(start)
    kept = []
    for level in range(levels):
        net.maxpool(3, 2, 2)
        down = block(net, filters)
        if level == levels - 1:
            block(net, filters)
            break
        skip = block(net, filters)
        kept.append((down, skip))
        net.route(down)
    for down, skip in reversed(kept):
        net.upsample()
        net.shortcut(down)
        net.shortcut(skip)
        block(net, filters)
    net.upsample()
    net.shortcut(trunk)
    for act in ("linear", "logistic"):
        net.batchnorm("relu")
        net.conv(filters, act=act, bn=False)
    assert net.shape == net.shapes[trunk]
    net.sam(trunk)
    net.shortcut(trunk)
    block(net, filters)


def attention_irse(net, modules):
    net.comment("stem")
    net.conv(64, 3, 1, "prelu")
    net.comment(f"block: {shape(net.shape)} -> 64 channels, stride 2")
    block(net, 64, 2)
    for stage, (count, levels) in enumerate(zip(modules, (3, 2, 1))):
        filters = WIDTHS[stage]
        for i in range(count):
            net.comment(f"attention module {i + 1} of {count}: {shape(net.shape)}")
            attention(net, levels, filters)
        net.comment(f"block: {shape(net.shape)} -> {2 * filters} channels, stride 2")
        block(net, 2 * filters, 2)
    net.comment("two blocks: 7x7x512")
    block(net, 512)
    block(net, 512)


def densenet(net, blocks, growth):
    net.comment("stem")
    net.conv(64, 3, 2, "relu")
    for stage, count in enumerate(blocks):
        for i in range(count):
            net.comment(f"layer {i + 1} of {count}: {shape(net.shape)} -> + {growth} channels")
            start = net.last
            net.batchnorm("relu")
            net.conv(4 * growth, act="relu")
            new = net.conv(growth, 3, bn=False)
            net.route(start, new)
        if stage < 3:
            net.comment(f"transition: {shape(net.shape)} -> half the channels and the side")
            net.batchnorm("relu")
            net.conv(net.shape[2] // 2, bn=False)
            net.avgpool(2, 2, pad=False)


# ---- the cfg files ----

def large(title, body, head, paper, *notes, numbers=512):
    return face(title, LARGE_FACE, body, head, paper, *notes, numbers=numbers)


def head(net):
    flat_head(net, 512, .4)


def iresnet(blocks, depth):
    return large(
        f"IResNet-{depth}", lambda net: stages(net, blocks), lambda net: flat_head(net, 512),
        ["ArcFace, Deng et al., arXiv 1801.07698, section 3.1; blocks of InsightFace's",
         "arcface_torch: batch norm in front, no activation after the sum"],
        ("Note", "the last batch norm has trained scales; InsightFace keeps them at 1"))


def attention_net(modules, depth, header):
    return large(
        f"AttentionNet-IRSE-{depth}", lambda net: attention_irse(net, modules), head,
        ["Residual attention network, Wang et al., arXiv 1704.06904, Figure 2, with the blocks",
         "of ArcFace (Deng et al., arXiv 1801.07698) and squeeze and excitation"],
        ("Modules", header),
        ("Note", ["the mask is enlarged by repeating pixels, not bilinearly. Convolutions without",
                  "batch norm have biases"]))


NETWORKS = {
    "iresnet-50": lambda: iresnet((3, 4, 14, 3), 50),
    "iresnet-100": lambda: iresnet((3, 13, 30, 3), 100),
    "resnet-face-124": lambda: large(
        "ResNet-124 for faces", lambda net: stages(net, (3, 13, 40, 5), squeeze=True), gdconv_head,
        ["ArcFace, Deng et al., arXiv 1801.07698, blocks 3, 13, 40, 5, in the style of the",
         "Lightweight Face Recognition Challenge, ICCV workshops 2019: squeeze and",
         "excitation to a sixteenth, a global depthwise head"], numbers=256),
    "se-resnet-152": lambda: large(
        "SE-ResNet-152 for faces", lambda net: stages(net, (3, 8, 36, 3), squeeze=True), head,
        ["ArcFace, Deng et al., arXiv 1801.07698, with squeeze and excitation to a sixteenth",
         "(Hu et al., arXiv 1709.01507) in each block"]),
    "attention-irse-92": lambda: attention_net((1, 2, 3), 92,
                                               "1, 2 and 3 at 56, 28 and 14 pixels"),
    "attention-irse-156": lambda: attention_net(
        (2, 3, 6), 156,
        ["2, 3 and 6 at 56, 28 and 14 pixels. The modules of a network of 156 layers are not",
         "published; this project has chosen them to stay under 30 GFLOP"]),
    "densenet-290": lambda: large(
        "DenseNet-290 for faces", lambda net: densenet(net, (6, 12, 72, 53), 32), head,
        ["Densely connected convolutional networks, Huang et al., arXiv 1608.06993: growth 32,",
         "1x1 of 128 channels before each 3x3"],
        ("Layers", ["the blocks of a DenseNet-290 are not published. This project has chosen "
                    "blocks of 6,",
                    "12, 72 and 53 units, so that 4 + 2 (6 + 12 + 72 + 53) = 290"]))}
