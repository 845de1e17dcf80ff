#!/usr/bin/python3
"""Times the three networks of MTCNN beside ONNX Runtime, as `darknet faces` uses them.

    scripts/bench_faces.py PHOTOS [-min-face 40] [-photos 200] [-threads 2]

PHOTOS is a folder of photographs of one size. First `darknet faces -json` finds the faces of the
first -photos of them. It also tells the size of P-Net's pages (images that contain scales of the
pyramid) and the number of windows that R-Net and O-Net score. Then the networks run on random
numbers of these sizes, in turns, with the same weights and threads. Their outputs are compared
before they are timed. Both sides flush denormals.

ONNX Runtime runs P-Net once for each scale of the pyramid, as MTCNN's authors do, or on our
pages, whichever is faster here. R-Net and O-Net run on one batch of the mean number of windows.

Only the networks are compared. "darknet faces" also decodes, makes pyramids and windows, suppresses
boxes, and cuts and writes crops; its time per photograph is printed, but has no peer.
`make faces-deps bench-deps onnx-deps` installs what this script needs."""
import contextlib
import json
import math
import os
import sys
import tempfile

from lib.errors import Failure, needs, run_main

needs("numpy", "PIL", "onnx")
from PIL import Image

import bench_peers
import export_onnx
from bench import peer_process
from lib.arguments import command_line, real, whole
from lib.cfg_text import edit
from lib.files import read, write
from lib.folders import images_below
from lib.processes import darknet, run, timed
from lib.text import counted

CELL, FACTOR = 12, .709  # pixels of P-Net's window; factor between two scales
SIDES = {"p": CELL, "r": 24, "o": 48}


def scales(width, height, least):
    """Returns (height, width) of each scale of the pyramid. least: pixels of the smallest face."""
    out, scale = [], CELL / least
    while min(width, height) * scale >= CELL:
        out.append((math.ceil(height * scale), math.ceil(width * scale)))
        scale *= FACTOR
    return out


def seen(args, folder):
    """Returns ((width, height) of a photograph, number of pages, (height, width) of a page, number
    of R-Net's windows, number of O-Net's windows). The three numbers are means per photograph."""
    photos = images_below(args.photographs)[:args.photos]
    if not photos:
        raise Failure(f"{args.photographs}: no photographs")
    sizes = set()
    for path in photos:
        with Image.open(path) as image:
            sizes.add(image.size)
    if len(sizes) > 1:
        raise Failure(f"{args.photographs}: photographs of {len(sizes)} sizes; one is needed")
    listed = os.path.join(folder, "photos.txt")
    write(listed, "".join(os.path.abspath(p) + "\n" for p in photos))
    told = json.loads(run([darknet(), "faces", listed, os.path.join(folder, "crops"), "-min-face",
                           str(args.min_face), "-threads", str(args.threads), "-mtcnn",
                           args.mtcnn, "-json"], capture=True))
    print("darknet faces, ms a photograph: "
          + ", ".join(f"{name} {ms:.2f}" for name, ms in told["ms"].items()))
    w, h = told["page"]
    return sizes.pop(), round(told["pages"]), (h, w), *(max(1, round(n)) for n in told["windows"])


class Bench:
    def __init__(self, args, folder, stack):
        self.args, self.folder, self.stack, self.n = args, folder, stack, 0
        self.version = None

    def make(self, letter, batch, height, width):
        """Returns (our turn, ONNX Runtime's turn): functions that return milliseconds of a batch.
        letter: "p", "r" or "o", the network."""
        self.n += 1
        folder = os.path.join(self.folder, str(self.n))
        os.makedirs(folder)
        weights = os.path.join(self.args.mtcnn, f"mtcnn-{letter}.weights")
        cfg, model = os.path.join(folder, "net.cfg"), os.path.join(folder, "net.onnx")
        write(cfg, edit(read(os.path.join(self.args.mtcnn, f"mtcnn-{letter}.cfg")),
                        {"net": {"height": height, "width": width}}))
        export_onnx.export(cfg, weights, model, batch)
        x, ours, planes = bench_peers.inputs(folder, batch, height, width, 3, self.n)
        peer = self.stack.enter_context(peer_process.onnx(model, planes, x.shape,
                                                          self.args.threads))
        self.version = peer.version
        mine = bench_peers.raw(self.args, cfg, weights, ours, batch, folder)
        theirs = bench_peers.process_output(peer, batch, folder)
        if letter == "p":  # P-Net's output is a map: ONNX Runtime's is NCHW, ours NHWC
            theirs = theirs.reshape(batch, 6, -1).transpose(0, 2, 1).reshape(batch, -1)
        bench_peers.compare(f"{letter.upper()}-Net", mine, theirs)
        peer.times(0, bench_peers.WARM_UP)
        runs = max(5, int(self.args.seconds * 300))

        def our_turn():
            return batch * timed(cfg, weights, "-batch", batch, "-threads", self.args.threads,
                                 "-runs", runs)["ms_per_image"]

        def peer_turn():
            peer.times(0, 3)
            return peer.median(self.args.seconds, 5)
        return our_turn, peer_turn


def compare(args, bench, what):
    """Times the networks. Returns {network: (our ms, their ms) for a photograph}."""
    (width, height), pages, page, r, o = what
    sizes = scales(width, height, args.min_face)
    ours, on_page = bench.make("p", 1, *page)
    scaled = [bench.make("p", 1, *size)[1] for size in sizes]
    sides = {"P-Net ours": lambda: pages * ours(),
             "P-Net by scale": lambda: sum(turn() for turn in scaled),
             "P-Net by page": lambda: pages * on_page()}
    for letter, batch in (("r", r), ("o", o)):
        name = f"{letter.upper()}-Net"
        sides[f"{name} ours"], sides[f"{name} peer"] = bench.make(letter, batch, *[SIDES[letter]] *
                                                                  2)
    ms = bench_peers.turns(args, sides)
    ms["P-Net peer"] = min(ms["P-Net by scale"], ms["P-Net by page"])
    print(f"P-Net in ONNX Runtime: {ms['P-Net by scale']:.3f} ms for {len(sizes)} scales, "
          f"{ms['P-Net by page']:.3f} ms for {counted(pages, 'page')} of {page[1]} x {page[0]}")
    return {f"{n}-Net": (ms[f"{n}-Net ours"], ms[f"{n}-Net peer"]) for n in "PRO"}


def work(args):
    args.mtcnn = args.mtcnn or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "thinface", "mtcnn")
    if not os.path.exists(os.path.join(args.mtcnn, "mtcnn-p.weights")):
        raise Failure(f"{args.mtcnn}/mtcnn-p.weights: No such file or directory: make faces-deps")
    if peer_process.onnx_missing():
        raise Failure(f"{peer_process.onnx_missing()}: make bench-deps")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        what = seen(args, folder)
        bench = Bench(args, folder, stack)
        table = compare(args, bench, what)
    print(f"{args.threads} threads, medians of {args.turns} turns, ms for a photograph")
    print(f"{'network':10} {'ours':>9} {'ONNX Runtime ' + bench.version:>22} {'ratio':>7}")
    table["all three"] = tuple(map(sum, zip(*table.values())))
    for name, (ours, theirs) in table.items():
        print(f"{name:10} {ours:9.3f} {theirs:22.3f} {theirs / ours:7.2f}")
    for side in args.shaky:
        print(f"not steady: {side}")


def main():
    parser = command_line(__doc__)
    parser.add_argument("photographs", metavar="PHOTOS", help="a folder, all of one size")
    parser.add_argument("-min-face", type=whole(12, 16384), default=40, metavar="N",
                        help="the smallest face, pixels; default 40")
    parser.add_argument("-photos", type=whole(1, 10**6), default=200, metavar="N",
                        help="the number of photographs; default 200")
    parser.add_argument("-mtcnn", metavar="FOLDER",
                        help="the detector; default the one of `make faces-deps`")
    parser.add_argument("-threads", type=whole(1, 64), default=2, metavar="N", help="default 2")
    parser.add_argument("-turns", type=whole(1, 1000), default=5, metavar="N", help="default 5")
    parser.add_argument("-seconds", type=real(least=0, most=3600), default=.5, metavar="S",
                        help="length of a turn; default 0.5")
    return run_main(work, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
