"""make_image_corpus.py - writes tests/data/corpus/image. darknet reads ok-* and refuses bad-*."""
import io
import os
import sys

import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import pictures  # pylint: disable=wrong-import-position
# pylint: disable-next=wrong-import-position
from pictures import bmp, exif, palette, png, pnm, with_exif

W, H = 7, 5
R = np.random.default_rng(1)
RGB = R.integers(0, 256, (H, W, 3), np.uint8)
ALPHA = R.integers(0, 256, (H, W, 1), np.uint8)


def jpeg(image, **options):
    f = io.BytesIO()
    image.save(f, "JPEG", quality=60, **options)
    return f.getvalue()


def files():
    image = Image.fromarray(RGB)
    bgr = [r[:, ::-1].tobytes() for r in RGB]
    bgra = [np.hstack([p[:, ::-1], a]).tobytes() for p, a in zip(RGB, ALPHA)]
    yield "ok-rgb.jpg", jpeg(image)
    yield "ok-progressive.jpg", jpeg(image, progressive=True)
    yield "ok-grey.jpg", jpeg(image.convert("L"))
    yield "ok-cmyk.jpg", jpeg(image.convert("CMYK"))
    for k, order in ((3, "<"), (6, ">"), (7, "<")):
        yield f"ok-exif{k}.jpg", with_exif(jpeg(image), exif(k, order))
        yield f"ok-exif{k}.png", png(RGB, chunks=pictures.chunk(b"eXIf", exif(k, order)))
        yield f"bad-exif{k}", exif(k, order)
    for turn in (False, True):
        yield f"ok-rgb{turn:d}.png", png(RGB, interlaced=turn)
        yield f"ok-rgba{turn:d}.png", png(np.dstack([RGB, ALPHA]), colour=6, interlaced=turn)
        yield f"ok-16{turn:d}.png", png(RGB.astype(int) * 200, 16, 2, interlaced=turn)
        yield f"ok-key{turn:d}.png", png(RGB[..., 0], 8, 0, pictures.chunk(b"tRNS", b"\0\2"), turn)
    yield "ok-la.png", png(np.dstack([RGB[..., :1], ALPHA]), colour=4)
    for bits in (1, 2, 4, 8):
        k = R.integers(0, 1 << bits, (H, W))
        colours = R.integers(0, 256, (1 << bits, 3)).tolist()
        yield f"ok-palette{bits}.png", png(k, bits, 3, palette(colours, [0, 99][:1 << bits]))
        yield f"ok-grey{bits}.png", png(k, bits, 0, interlaced=True)
        if bits == 2:
            yield "bad-palette.png", png(k, 8, 3, palette(colours[:1]))
            continue
        rows = [pictures.pack_row(r, bits) for r in k]
        for header in (12, 40):
            yield f"ok-{bits}-{header}.bmp", bmp(rows, W, bits, colours, header=header)
        yield f"bad-{bits}.bmp", bmp(rows, W, bits, colours[:1])
    yield "ok-24.bmp", bmp(bgr, W, 24, top_down=True)
    yield "ok-32.bmp", bmp(bgra, W, 32)
    masks = (0xff0000, 0xff00, 0xff, 0xff000000)
    yield "ok-v5.bmp", bmp(bgra, W, 32, form=3, masks=masks, header=124)
    yield "ok-565.bmp", bmp([r[:, :2].tobytes() for r in RGB], W, 16, form=3,
                            masks=(0xf800, 0x7e0, 0x1f))
    yield "bad-rle.bmp", bmp(bgr, W, 8, [(0, 0, 0)] * 256, form=1)
    for kind, most in ((1, 1), (2, 9), (2, 300), (3, 255), (4, 1), (5, 15), (5, 999), (6, 255)):
        level = R.integers(0, most + 1, (H, W, 3) if kind in (3, 6) else (H, W))
        yield f"ok-{kind}-{most}.pnm", pnm(kind, level, most, "# grey\n")
    yield "bad-digits.pnm", b"P3\n2 2\n255\n54 8" + b"3" * 99 + b" 4 7 1 87 15 9 7 0 3 8 14\n"
    yield "bad-above.pnm", pnm(5, np.full((H, W), 99), 9)
    for name, (data, _) in pictures.FOREIGN.items():
        yield "bad-" + name, data


def main():
    folder = os.path.join(ROOT, "tests", "data", "corpus", "image")
    os.makedirs(folder, exist_ok=True)
    for name, data in files():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


main()
