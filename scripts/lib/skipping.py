"""Runs `darknet` commands. A command that skips an image exits with status 1; the script continues
when this is the only fault."""
import os

from lib.errors import Failure
from lib.files import read
from lib.processes import darknet, on_threads, run

NO_IMAGE = ": left out: not named as an image"  # the end of a line about a file that is no image


def time_of(path):
    return os.stat(path).st_mtime_ns if os.path.exists(path) else None


def run_to(result, *command, show=False):
    """Runs a `darknet` command. Raises a Failure when it fails before it writes `result`."""
    before = time_of(result)
    try:
        run([darknet(), *command], show=show)
    except Failure:
        if time_of(result) == before:
            raise


def cut_out(photos, crops, *options, show=False):
    run_to(os.path.join(crops, "faces.record"), "faces", photos, crops, *options, show=show)


def embed(cfg, weights, images, out, flip="none", threads=0):
    """Writes the features of images to `out`. Returns a line of text for each unusable image."""
    try:
        run([darknet(), "embed", cfg, weights, images, out, *on_threads(threads),
             *(["-flip", flip] if flip != "none" else [])], capture=True)
    except Failure:
        if not os.path.exists(out + ".skipped"):
            raise
        return [line for line in read(out + ".skipped").splitlines() if not line.endswith(NO_IMAGE)]
    return []
