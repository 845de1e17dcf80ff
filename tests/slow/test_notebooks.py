#!/usr/bin/python3
"""Runs all cells of the notebooks on tiny data, when Jupyter is installed."""
import importlib.util
import os
import sys
import tempfile

from common import ROOT, check, read, run, skip_all, summary

TINY = ("--size 32 --identities 8 --images 4 --batches 2 --teacher-batches 2 --batch 8 "
        "--synthetic-pairs 20")
NOTEBOOKS = ("homework", "width_sweep", "write_a_layer")

if not all(importlib.util.find_spec(m) for m in ("nbconvert", "ipykernel")):
    skip_all("no Jupyter (nbconvert, ipykernel)", len(NOTEBOOKS))

with tempfile.TemporaryDirectory() as folder:
    environment = dict(
        os.environ,
        HOMEWORK=f"--out {folder}/homework --widths 0.125 --methods scratch,feature {TINY}",
        SWEEP=f"--out {folder}/sweep --methods scratch --widths 0.25,0.125 {TINY}")
    for name in NOTEBOOKS:
        path = os.path.join(ROOT, "notebooks", name + ".ipynb")
        done = run(sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--output-dir",
                   folder, path, env=environment, cwd=ROOT)
        check(done.returncode == 0 and
              os.path.getsize(os.path.join(folder, name + ".html")) > 1000,
              f"{name}: {done.stderr[-3000:]}")
        if b'"output_type"' in read(path):
            check(False, f"{name}: must be kept without outputs")
summary()
