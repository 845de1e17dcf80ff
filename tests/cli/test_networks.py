"""The networks of scripts/write_cfg.py have the parameters and multiply-adds of their papers."""
import os
import tempfile

from common import ROOT, attempt, darknet, expect, expect_end, read, script, summary, write
from cfg_networks import CFG, LARGE, SMALL, agrees, checked, counts, header, trains

WIDTHS = {".75": ("2.586", "325.4"), ".5": ("1.332", "149.5"), ".25": ("0.470", "41.0")}


def width(text):
    cfg = read(os.path.join(CFG, "mobilenet-v1.cfg")).decode()
    cfg = cfg.replace("width_multiplier=1", f"width_multiplier={text}")
    seen = checked(write(f"narrow{text}.cfg", cfg))
    agrees(seen["parameters"], WIDTHS[text][0], "parameters")
    agrees(seen["multiply_adds"], WIDTHS[text][1], "multiply-adds")


def divisor():
    """divisor= rounds widths to its multiples as MobileNet's make_divisible does. The result is
    never below 9/10 of the width."""
    given = (18, 100, 20, 6, 64)
    cfg = "[net]\nheight=4\nwidth=4\nchannels=3\nwidth_multiplier=.5\ndivisor=8\n"
    cfg += "".join(f"[convolutional]\nfilters={n}\n" for n in given)
    cfg += "[convolutional]\nfilters=7\nfixed_width=1\n"
    got = [layer["out"][2] for layer in checked(write("divisor.cfg", cfg))["layers"]]
    expect(got == [16, 48, 16, 8, 32, 7], f"filters {got}")


def bytes_of_resnet_124():
    expect(f"{header('resnet-face-124')[0] * 4 / 1e6:.1f}" == "297.0", "not 297.0 MB")


def written():
    expect_end(script("write_cfg.py", "-check"))
    done = script("write_cfg.py", "-check", "no-such-network")
    expect_end(done, 1, "no-such-network: no such network; there are ")
    names = done.stderr.split("there are ")[1].strip().split(", ")
    expect(sorted(names) == sorted([*SMALL, *LARGE]), f"the table lacks some of {names}")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for network in SMALL:
        attempt(network, counts, network, True)
    for network in LARGE:
        attempt(network, counts, network, False)
    for factor in WIDTHS:
        attempt(f"width {factor}", width, factor)
    for test in (divisor, bytes_of_resnet_124, written):
        attempt(test.__name__, test)
    expect_end(darknet("synth", "faces", "-identities", "4", "-images", "4"))
    for network in SMALL:
        attempt(f"{network} trains", trains, network, 4, 2)
    os.chdir(ROOT)
summary()
