"""gpu_command.py - builds darknet with code for GPUs, and the stand-in driver of tests/lib/gpu."""
import os
import shutil

from common import ROOT, expect, make, skip_all

if not any(shutil.which(c) for c in ("clang", "clang-16", "clang-14")):
    skip_all("the kernels need clang: make gpu-deps")

OBJ = os.path.join(ROOT, os.environ.get("OBJ") or
                   make("-s", "print-obj").stdout.strip())
GPU = os.path.join(OBJ, "bin", "darknet-gpu")
STANDIN = os.path.join(OBJ, "tests", "standin")


def build():
    for goal in (GPU, os.path.join(STANDIN, "libcuda.so.1")):
        made = make("-s", os.path.relpath(goal, ROOT))
        expect(made.returncode == 0, f"{goal} does not build: {made.stderr}")
