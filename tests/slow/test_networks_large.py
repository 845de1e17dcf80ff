"""The large networks of cfg/ have their papers' parameters and multiply-adds, and train in the
predicted memory."""
import os
import tempfile

from common import ROOT, attempt, darknet, expect_end, skip_sanitizer, summary
from cfg_networks import CFG, LARGE, agrees, checked, counts, trains


def without_biases():
    """In the paper's network, layers without batch norm have no biases. The cfg has these
    biases: without them it must have 55.42 million parameters."""
    layers = checked(os.path.join(CFG, "attention-irse-92.cfg"))["layers"]
    more = sum(p["count"] for layer in layers for p in layer["params"]
               if layer["section"] == "convolutional" and not layer["options"]["batch_normalize"]
               and p["name"] == "biases")
    agrees(sum(layer["parameters"] for layer in layers) - more, "55.42", "parameters")


def trains_once(name):
    skip_sanitizer()
    trains(name, 2, 1)


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for network in LARGE:
        attempt(network, counts, network, True)
    attempt("without_biases", without_biases)
    expect_end(darknet("synth", "faces", "-identities", "4", "-images", "4"))
    for network in LARGE:
        attempt(f"{network} trains", trains_once, network)
    os.chdir(ROOT)
summary()
