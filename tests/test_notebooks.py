#!/usr/bin/python3
"""Runs the notebooks from top to bottom on tiny data, where Jupyter is installed."""
import importlib.util
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TINY = ("--size 32 --identities 8 --images 4 --batches 2 --teacher-batches 2 --batch 8 "
        "--synthetic-pairs 20")
NOTEBOOKS = ("homework", "width_sweep", "write_a_layer")

if not all(importlib.util.find_spec(m) for m in ("nbconvert", "ipykernel")):
    print("skipped: no Jupyter (nbconvert, ipykernel)")
    print(f"0 passed, 0 failed, {len(NOTEBOOKS)} skipped")
    sys.exit(0)

passed = failed = 0
with tempfile.TemporaryDirectory() as folder:
    environment = dict(
        os.environ,
        HOMEWORK=f"--out {folder}/homework --widths 0.125 --methods scratch,feature {TINY}",
        SWEEP=f"--out {folder}/sweep --methods scratch --widths 0.25,0.125 {TINY}")
    for name in NOTEBOOKS:
        path = os.path.join(ROOT, "notebooks", name + ".ipynb")
        done = subprocess.run([sys.executable, "-m", "nbconvert", "--execute", "--to", "html",
                               "--output-dir", folder, path], env=environment, cwd=ROOT, text=True,
                              capture_output=True, check=False)
        ok = done.returncode == 0 and os.path.getsize(os.path.join(folder, name + ".html")) > 1000
        passed, failed = passed + ok, failed + (not ok)
        if not ok:
            print(f"{name}: {done.stderr[-3000:]}")
        with open(path, encoding="utf-8") as f:
            if '"output_type"' in f.read():
                failed += 1
                print(f"{name}: is to be kept without outputs")
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
