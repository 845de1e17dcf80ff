"""outside.py - builds the command with the additional layer types of tests/data/layers."""
import os

import common
from common import ROOT, expect_end

CLEAN = {k: v for k, v in os.environ.items() if "MAKE" not in k and k not in ("MFLAGS", "T")}
EXAMPLES = os.path.join(ROOT, "tests", "data", "layers")


def make(*words):
    return common.make("-j2", *words, env=CLEAN)


def build_command():
    """Builds the darknet command with these layers, outside bin/. Returns the command's path."""
    built = make("LAYERS=tests/data/layers", "print-obj").stdout.strip()
    expect_end(make("LAYERS=tests/data/layers", f"{built}/bin/darknet"))
    return os.path.join(ROOT, built, "bin", "darknet")
