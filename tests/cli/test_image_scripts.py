"""Tests how the scripts read images: they get the same pixels as darknet."""
import os
import struct

import common
from common import attempt_all, expect, expect_end, needed, summary, write

with needed():
    import numpy as np
    from PIL import Image

from lib.pictures import read_rgb
import pictures
from pictures import exif, palette, png, pnm, with_exif
from test_image import H, PICTURE, R, SMOOTH, W, pixels, saved, start


def evaluation():
    for name, k in (("A", 1), ("A", 2), ("B", 1), ("B", 2)):
        write(f"lfw/{name}/{name}_{k:04d}.jpg", png(PICTURE))
    write("lfw/B/B_0002.jpg", pictures.PIC)
    write("pairs.txt", "1\t1\nA\t1\t2\nA\t1\tB\t2\n")
    done = common.script("eval_lfw.py", "net.cfg", "net.weights", "lfw", "pairs.txt", "--out", "o")
    expect_end(done, 1, "lfw: 1 of 3 images cannot be used (--allow-missing drops their pairs):",
               "lfw/B/B_0002.jpg: is a Softimage PIC image" + pictures.ONLY)
    expect("/tmp/" not in done.stderr.replace(os.getcwd(), ""), done.stderr)


def in_scripts():
    alpha = R.integers(0, 256, (H, W), np.uint8)
    files = {"turned.jpg": with_exif(saved(Image.fromarray(SMOOTH.swapaxes(0, 1)), "JPEG"),
                                     exif(6)),
             "rgba.png": png(np.dstack([PICTURE, alpha]), colour=6),
             "cmyk.jpg": saved(Image.fromarray(np.dstack([SMOOTH, alpha]), "CMYK"), "JPEG"),
             "hidden.png": png(PICTURE[..., 0] % 2, 8, 3, palette([(9, 200, 7), (1, 2, 3)], [0])),
             "grey16.png": png(R.integers(0, 65536, (H, W)), 16, 0),
             "rgb16.png": png(R.integers(0, 65536, (H, W, 3)), 16),
             "grey16.pgm": pnm(5, R.integers(0, 65536, (H, W)), 65535),
             "grey10.pgm": pnm(5, R.integers(0, 1024, (H, W)), 1023),
             "text10.pgm": pnm(2, R.integers(0, 1024, (H, W)), 1023),
             "rgb10.ppm": pnm(6, R.integers(0, 1024, (H, W, 3)), 1023),
             "grey2.png": png(R.integers(0, 4, (H, W)), 2, 0),
             "bits.pbm": pnm(4, R.integers(0, 2, (H, W)), 1)}
    for depth in (2, 4, 8, 16):
        for colour, channels in ((0, 1), (2, 3))[:1 if depth < 8 else 2]:
            level = R.integers(0, 1 << depth, (H, W, channels))
            level[2:5] = level[2, 2]
            key = pictures.chunk(b"tRNS", struct.pack(f">{channels}H", *level[2, 2]))
            files[f"key{depth}-{colour}.png"] = png(level, depth, colour, key)
    for name, rows in pixels(files).items():
        off = np.abs(np.asarray(read_rgb(name)).astype(int) - rows).max()
        expect(off <= 1, f"{name}: differs by up to {off}")  # Pillow rounds alpha differently


attempt_all(start, evaluation, in_scripts)
summary()
