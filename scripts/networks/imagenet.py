"""GoogLeNet and VGG-16."""
from networks.common import IMAGENET, classes, imagenet, shape

INCEPTIONS = (  # name; filters of: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, 1x1 after the pool
    ("3a", 64, 96, 128, 16, 32, 32), ("3b", 128, 128, 192, 32, 96, 64),
    ("4a", 192, 96, 208, 16, 48, 64), ("4b", 160, 112, 224, 24, 64, 64),
    ("4c", 128, 128, 256, 24, 64, 64), ("4d", 112, 144, 288, 32, 64, 64),
    ("4e", 256, 160, 320, 32, 128, 128), ("5a", 256, 160, 320, 32, 128, 128),
    ("5b", 384, 192, 384, 48, 128, 128))


def inceptions(net):
    net.comment("stem")
    net.conv(64, 7, 2, "relu")
    net.maxpool(3, 2, 1)
    net.conv(64, act="relu")
    net.conv(192, 3, 1, "relu")
    net.maxpool(3, 2, 1)
    for name, one, reduce3, three, reduce5, five, pool in INCEPTIONS:
        if name in ("4a", "5a"):
            net.comment("pool")
            net.maxpool(3, 2, 1)
        net.comment(f"inception {name}: {shape(net.shape)} -> {one + three + five + pool} channels")
        start = net.last
        a = net.conv(one, act="relu")
        net.route(start)
        net.conv(reduce3, act="relu")
        b = net.conv(three, 3, 1, "relu")
        net.route(start)
        net.conv(reduce5, act="relu")
        c = net.conv(five, 5, 1, "relu")
        net.route(start)
        net.maxpool(3, 1, 2)
        d = net.conv(pool, act="relu")
        net.route(a, b, c, d)


def vgg_body(net):
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        net.comment(f"block: {shape(net.shape)} -> {filters} channels, half the side")
        for _ in range(count):
            net.conv(filters, 3, 1, "relu", bn=False)
        net.maxpool(2, 2, 0)


def vgg_head(net):
    net.comment("classifier")
    for _ in range(2):
        net.connected(4096, "relu")
        net.dropout(.5)
    net.connected(1000)
    net.softmax()


NETWORKS = {
    "googlenet": lambda: imagenet(
        "GoogLeNet (Inception V1)", IMAGENET, inceptions, lambda net: classes(net, dropout=.4),
        "Going deeper with convolutions, Szegedy et al., arXiv 1409.4842, Table 1",
        ("Note", ["batch norm after every convolution replaces local response normalisation.",
                  "The two auxiliary classifiers are left out"])),
    "vgg16": lambda: imagenet(
        "VGG-16", IMAGENET, vgg_body, vgg_head,
        "Very deep convolutional networks, Simonyan et al., arXiv 1409.1556, Table 1, D")}
