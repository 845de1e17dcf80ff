"""Tests reading images: the pixels of JPEG, PNG, BMP and PNM files, and messages."""
import io
import os
import pickle
import struct

from common import attempt_all, darknet, expect, expect_end, needed, read, summary, write

with needed():
    import numpy as np
    from PIL import Image, ImageOps

from lib import embeddings
import pictures
from pictures import bmp, exif, palette, png, pnm, with_exif

W, H = 13, 9
R = np.random.default_rng(7)
PICTURE = R.integers(0, 256, (H, W, 3), np.uint8)
SMOOTH = np.clip(np.add.outer(np.arange(H) * 11, np.arange(W) * 7)[..., None] + [0, 40, 90], 0,
                 255).astype(np.uint8)
NET = f"[net]\nwidth={W}\nheight={H}\nchannels=3\ninput_mean=0\ninput_scale=1\n" \
      "[maxpool]\nsize=1\nstride=1\n"


def start():
    write("net.cfg", NET)
    expect_end(darknet("init", "net.cfg", "net.weights"))


def pixels(files, *options):
    """Returns {name: pixels, H x W x 3} of files {name: bytes}. The network copies its input, so
    its features are the pixels that `darknet embed` has read."""
    for name, data in files.items():
        write(name, data)
    write("list", "".join(f"{name}\n" for name in files))
    expect_end(darknet("embed", "net.cfg", "net.weights", "list", "out", "-force", *options))
    expect(not os.path.exists("out.skipped"), "out.skipped")
    names, rows = embeddings.read("out")
    expect(names == list(files), f"names {names}")
    return dict(zip(names, rows.reshape(-1, H, W, 3)))


def compare(files):
    """Compares darknet's pixels with the expected pixels. files: {name: (bytes, pixels)}."""
    got = pixels({name: data for name, (data, _) in files.items()})
    for name, (_, want) in files.items():
        off = np.abs(got[name] - want).max()
        expect(off == 0, f"{name}: differs by up to {off}: {got[name][0, :3]}, {want[0, :3]}")


def saved(image, form, **options):
    f = io.BytesIO()
    image.save(f, form, **options)
    return f.getvalue()


def by_pillow(data):
    """Returns the pixels that Pillow decodes: upright, in RGB, without alpha."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(image.convert("RGB"))


def over_black(rgb, alpha):
    return (rgb.astype(int) * alpha[..., None].astype(int) + 127) // 255


def scaled(v, most):
    return (v.astype(np.int64) * 255 + most // 2) // most


def grey(v):
    return np.repeat(np.asarray(v)[..., None], 3, 2)


# ---- images that are read ----

def png_forms():
    alpha = R.integers(0, 256, (H, W), np.uint8)
    wide = R.integers(0, 65536, (H, W, 3))
    level = R.integers(0, 65536, (H, W))
    files = {
        "rgb.png": (png(PICTURE), PICTURE),
        "interlaced.png": (png(PICTURE, interlaced=True), PICTURE),
        "rgba.png": (png(np.dstack([PICTURE, alpha]), colour=6), over_black(PICTURE, alpha)),
        "interlaced-rgba.png": (png(np.dstack([PICTURE, alpha]), colour=6, interlaced=True),
                                over_black(PICTURE, alpha)),
        "la.png": (png(np.dstack([PICTURE[..., 0], alpha]), colour=4),
                   over_black(grey(PICTURE[..., 0]), alpha)),
        "rgb16.png": (png(wide, 16), scaled(wide, 65535)),
        "grey16.png": (png(level, 16, 0), grey(scaled(level, 65535))),
        "hidden.png": (png(PICTURE[..., 0] % 4, 8, 3,
                           palette([(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)], [0, 128])),
                       np.array([(0, 0, 0), (0, 128, 0), (0, 0, 255), (9, 9, 9)])[
                           PICTURE[..., 0] % 4]),
        "key.png": (png(PICTURE[..., 0] % 4, 8, 0, pictures.chunk(b"tRNS", b"\0\2")),
                    grey(np.where(PICTURE[..., 0] % 4 == 2, 0, PICTURE[..., 0] % 4))),
    }
    for depth in (1, 2, 4, 8):
        k = R.integers(0, 1 << depth, (H, W))
        colours = R.integers(0, 256, (1 << depth, 3))
        for turn in (False, True):
            files[f"palette{depth}{turn}.png"] = (png(k, depth, 3, palette(colours), turn),
                                                  colours[k])
            files[f"grey{depth}{turn}.png"] = (png(k, depth, 0, b"", turn),
                                               grey(scaled(k, (1 << depth) - 1)))
    compare(files)


def png_by_pillow():
    picture = Image.fromarray(PICTURE)
    files = {f"{mode}.png": saved(picture.convert(mode), "PNG")
             for mode in ("RGB", "L", "P", "1", "RGBA")}
    compare({name: (data, by_pillow(data)) for name, data in files.items()})


def bmp_forms():
    picture = Image.fromarray(PICTURE)
    bgr = [r[:, ::-1].tobytes() for r in PICTURE]
    alpha = R.integers(0, 256, (H, W), np.uint8)
    bgra = [np.dstack([p[..., ::-1], a])[0].tobytes()
            for p, a in zip(PICTURE[:, None], alpha[:, None])]
    masks = (0xff0000, 0xff00, 0xff, 0xff000000)
    word = R.integers(0, 65536, (H, W)).astype("<u2")
    rows = [r.tobytes() for r in word]
    split = [np.dstack([scaled(word >> 10 & 31, 31), scaled(word >> 5 & 31, 31),
                        scaled(word & 31, 31)]),
             np.dstack([scaled(word >> 11, 31), scaled(word >> 5 & 63, 63), scaled(word & 31, 31)])]
    files = {f"{mode}.bmp": (saved(picture.convert(mode), "BMP"),
                             np.asarray(picture.convert(mode).convert("RGB")))
             for mode in ("RGB", "L", "P", "1")}
    files.update({
        "down.bmp": (bmp(bgr, W, 24, top_down=True), PICTURE),
        "32.bmp": (bmp(bgra, W, 32), PICTURE),
        "masks.bmp": (bmp(bgra, W, 32, form=3, masks=masks[:3]), PICTURE),
        "v4.bmp": (bmp(bgra, W, 32, form=3, masks=masks, header=108), over_black(PICTURE, alpha)),
        "v5.bmp": (bmp(bgra, W, 32, form=3, masks=masks, header=124), over_black(PICTURE, alpha)),
        "555.bmp": (bmp(rows, W, 16), split[0]),
        "565.bmp": (bmp(rows, W, 16, form=3, masks=(0xf800, 0x7e0, 0x1f)), split[1]),
        "old.bmp": (bmp(bgr, W, 24, header=12), PICTURE),
    })
    for bits in (1, 4, 8):
        k = R.integers(0, 1 << bits, (H, W))
        colours = R.integers(0, 256, (1 << bits, 3)).tolist()
        rows = [pictures.pack_row(r, bits) for r in k]
        for header in (12, 40):
            files[f"palette{bits}-{header}.bmp"] = (bmp(rows, W, bits, colours, header=header),
                                                    np.array(colours)[k])
    compare(files)


def pnm_forms():
    bit = R.integers(0, 2, (H, W))
    files = {f"p{kind}.pbm": (pnm(kind, bit), grey(255 * (1 - bit))) for kind in (1, 4)}
    files["dense.pbm"] = (f"P1 {W} {H}\n".encode() + b"".join(
        "".join(map(str, r)).encode() for r in bit), grey(255 * (1 - bit)))
    for most in (1, 15, 255, 256, 1023, 65535):
        level = R.integers(0, most + 1, (H, W))
        colour = R.integers(0, most + 1, (H, W, 3))
        for kind in (2, 5):
            files[f"p{kind}-{most}.pgm"] = (pnm(kind, level, most, "# a comment\n"),
                                            grey(scaled(level, most)))
        for kind in (3, 6):
            files[f"p{kind}-{most}.ppm"] = (pnm(kind, colour, most), scaled(colour, most))
    compare(files)
    white = pixels({"white.pgm": pnm(5, np.full((H, W), 15), 15)})["white.pgm"]
    expect((white == 255).all(), "the white of maxval 15")


def jpeg_forms():
    picture = Image.fromarray(SMOOTH)
    files = {"rgb.jpg": saved(picture, "JPEG"), "grey.jpg": saved(picture.convert("L"), "JPEG"),
             "progressive.jpg": saved(picture, "JPEG", progressive=True),
             "444.jpg": saved(picture, "JPEG", subsampling=0)}
    black = np.add.outer(np.arange(H) * 15, np.arange(W) * 9)[..., None]
    inks = Image.fromarray(np.dstack([SMOOTH, black]).astype(np.uint8), "CMYK")
    for k, options in enumerate(({}, {"progressive": True}, {"quality": 95})):
        data = saved(inks, "JPEG", **options)
        at = data.index(b"Adobe") + 11  # Adobe's byte for the colours: 0 CMYK, 2 YCCK
        expect(data[at] == 0, "Pillow does not write CMYK")
        files[f"cmyk{k}.jpg"] = data
        files[f"ycck{k}.jpg"] = data[:at] + b"\2" + data[at + 1:]
    compare({name: (data, by_pillow(data)) for name, data in files.items()})


def orientation():
    """EXIF's orientation is applied. An image with damaged EXIF data is taken as upright."""
    files = {}
    for k in range(1, 9):
        stored = SMOOTH if k < 5 else np.swapaxes(SMOOTH, 0, 1)
        jpeg = saved(Image.fromarray(stored), "JPEG", quality=95)
        for order in "<>":
            data = with_exif(jpeg, exif(k, order))
            files[f"{k}{order}.jpg"] = (data, by_pillow(data))
            data = png(stored, chunks=pictures.chunk(b"eXIf", exif(k, order)))
            files[f"{k}{order}.png"] = (data, by_pillow(data))
    for k, tiff in enumerate((exif(0), exif(9), exif(6)[:-9], b"II*\0", b"", exif(6)[:4] +
                              b"\xff\xff\xff\xff" + exif(6)[8:])):
        plain = saved(Image.fromarray(SMOOTH), "JPEG")
        files[f"bad{k}.jpg"] = (with_exif(plain, tiff), by_pillow(plain))
    compare(files)
    turned = files["6<.png"][1]
    expect((turned == np.rot90(np.swapaxes(SMOOTH, 0, 1), -1)).all(), "orientation 6")


def by_content():
    got = pixels({"png.jpg": png(PICTURE), "bmp.png": bmp(
        [r[:, ::-1].tobytes() for r in PICTURE], W, 24), "nothing": pnm(6, PICTURE)})
    for name, rows in got.items():
        expect((rows == PICTURE).all(), name)


# ---- images that are refused ----

def faulty():
    huge = bytearray(saved(Image.new("RGB", (8, 8)), "JPEG"))
    at = huge.index(b"\xff\xc0") + 5
    huge[at:at + 4] = struct.pack(">HH", 60000, 60000)
    flat = [bytes(W * 3)] * H
    k = np.zeros((H, W), int)
    k[3, 4] = 5
    colours = [(0, 0, 0), (255, 255, 255)]
    rle = bytearray(bmp([bytes(W)] * H, W, 8, colours))
    rle[30] = 1
    odd = bytearray(bmp(flat, W, 24))
    odd[28] = 23
    cut, palette_fault = "is cut short", "has a pixel outside of its palette"
    return {
        "huge.jpg": (bytes(huge), pictures.HUGE),
        "cut.jpg": (saved(Image.fromarray(SMOOTH), "JPEG")[:-9], "cannot be decoded"),
        "claims.jpg": (bytes(huge[:at]) + struct.pack(">HH", 8000, 8000) + bytes(huge[at + 4:]),
                       cut),
        "cut.png": (png(PICTURE)[:-20], cut),
        "claims.png": (png(PICTURE)[:16] + pictures.chunk(b"IHDR", struct.pack(
            ">IIBBBBB", 8000, 8000, 8, 2, 0, 0, 0))[8:] + png(PICTURE)[33:], cut),
        "index.png": (png(k, 8, 3, palette(colours)), palette_fault),
        "index4.png": (png(k, 4, 3, palette(colours)), palette_fault),
        "cut.ppm": (pnm(6, PICTURE)[:-1], cut),
        "half.ppm": (b"P6\n4000 4000\n255\n" + bytes(100), cut),
        "cut.pgm": (pnm(2, PICTURE[..., 0])[:60], cut),
        "above.pgm": (pnm(5, np.full((H, W), 16), 15), "has a value above its maximum"),
        "header.ppm": (b"P6\n4000 x", "cannot be decoded"),
        "cut.bmp": (bmp(flat, W, 24)[:-3], cut),
        "half.bmp": (bmp(flat, W, 24)[:60], cut),
        "index.bmp": (bmp([bytes([0, 5] + [0] * (W - 2))] * H, W, 8, colours), palette_fault),
        "index4.bmp": (bmp([b"\x05" + bytes(6)] * H, W, 4, colours), palette_fault),
        "rle.bmp": (bytes(rle), "is a compressed BMP (RLE); save it without compression"),
        "odd.bmp": (bytes(odd), "cannot be decoded"),
        "letter.bmp": (b"BMW is a car, and this is a letter about it, no more",
                       "cannot be decoded"),
        **pictures.FOREIGN}


def refusals():
    """Each bad image is reported with its reason; the features of good images are written."""
    bad = faulty()
    for name, (data, _) in bad.items():
        write(f"bad/{name}", data)
    write("bad/good.png", png(PICTURE))
    write("list", "bad/good.png\n" + "".join(f"bad/{n}\nbad/good.png\n" for n in bad))
    done = darknet("embed", "net.cfg", "net.weights", "list", "out", "-force", "-flip", "concat",
                   "-batch", "7")
    expect_end(done, 1, f"out: {len(bad)} of {2 * len(bad) + 1} images were skipped: out.skipped "
                        "names them", f"... and {len(bad) - 20} more")
    lines = read("out.skipped").decode().splitlines()
    for name, (_, why) in bad.items():
        expect(f"bad/{name}: {why}" in lines, f"bad/{name}: {why}: not in {lines}")
    expect(len(lines) == len(bad), "one line each")
    names, rows = embeddings.read("out")
    expect(names == ["bad/good.png"] * (len(bad) + 1), f"{names}")
    want = np.concatenate([PICTURE.ravel(), PICTURE[:, ::-1].ravel()])
    expect((rows == want).all(), "the rows of the good ones")


def alone():
    """embed, predict, valid and align report a bad image with its reason, and end with status 1."""
    write("c.cfg", NET + "[connected]\noutput=2\nactivation=linear\n[softmax]\n")
    expect_end(darknet("init", "c.cfg", "c.weights", "-force"))
    write("names", "a\nb\n")
    for name, (data, why) in faulty().items():
        write(name, data)
        write("one", name + "\n")
        write("c.data", "classes=2\nnames=names\nvalid=one2\ntop=1\n")
        write("one2", f"{name} 1\n")
        write("marks", f"{name} 3 3 8 3 5 5 4 7 7 7\n")
        for command in (("embed", "c.cfg", "c.weights", "one", "alone", "-force"),
                        ("classifier", "predict", "c.data", "c.cfg", "c.weights", name),
                        ("classifier", "valid", "c.data", "c.cfg", "c.weights")):
            expect_end(darknet(*command), 1, f"{name}: {why}")
        write("in-one/good.png", png(PICTURE))
        write(f"in-one/{name}", data)
        expect_end(darknet("align", "in-one", "marks", "crops-one", "-force"), 1,
                   f"{name}: {why}")
        os.unlink(f"in-one/{name}")
    expect(not os.path.exists("alone"), "a file of no features")


def within_sets():
    write("set.bin", pickle.dumps(([png(PICTURE), pictures.PIC, pictures.GIF, png(PICTURE)],
                                   [True, False]), 4))
    done = darknet("embed", "net.cfg", "net.weights", "set.bin", "out", "-force")
    expect_end(done, 1, "set.bin: image 000001: is a Softimage PIC image" + pictures.ONLY,
               "set.bin: image 000002: is a GIF image" + pictures.ONLY)
    expect(embeddings.read("out")[0] == ["000000", "000003"], "names of the set")
    write("train.cfg", NET.replace("[net]\n", "[net]\nbatch=2\nmax_batches=2\n") +
          "[connected]\noutput=2\nactivation=linear\n[softmax]\n")
    write("good.png", png(PICTURE))
    write("a.pic", pictures.PIC)
    write("train.txt", "good.png 0\n" * 100 + "a.pic 1\n")
    write("train.data", "classes=2\ntrain=train.txt\nbackup=backup\n")
    expect_end(darknet("classifier", "train", "train.data", "train.cfg"), 0,
               "a.pic: skipped: is a Softimage PIC image" + pictures.ONLY)


# ---- folders ----

def folders():
    """embed finds images by their suffix, and reports other visible files that darknet did not
    write."""
    for name in ("a.JPG", "b.jpeg", "c.Png", "d.bmp", "e.ppm", "f.PGM", "g.pbm", "sub/h.pnm"):
        write(f"all/{name}", png(PICTURE))
    for name in ("notes.txt", "sub/Thumbs.db", "i.webp", "no-suffix", ".hidden.png",
                 # `darknet` writes files with these three names itself, so it does not report them
                 "faces.index", "faces.index.txt", "sub/align.txt"):
        write(f"all/{name}", b"x")
    done = darknet("embed", "net.cfg", "net.weights", "all", "out", "-force")
    expect_end(done, 0, "4 files left out: out.skipped names them",
               "all/i.webp: left out: not named as an image")
    expect(done.stdout.startswith("8 images, "), done.stdout)
    expect(sorted(read("out.skipped").decode().splitlines()) == sorted(
        f"all/{n}: left out: not named as an image"
        for n in ("notes.txt", "sub/Thumbs.db", "i.webp", "no-suffix")), "out.skipped")
    os.symlink("nowhere.png", "all/link.png")
    done = darknet("embed", "net.cfg", "net.weights", "all", "out", "-force")
    expect_end(done, 1, "all/link.png: cannot open: No such file or directory",
               "1 of 9 images was skipped")
    expect(len(embeddings.read("out")[0]) == 8, "the others")
    for options in ((), ("-half",)):  # float32 and float16
        done = darknet("embed", "net.cfg", "net.weights", "all", "out", "-force", "-batch", "3",
                       *options)
        expect_end(done, 1)
        expect((embeddings.read("out")[1].reshape(8, H, W, 3) == PICTURE).all(), f"{options}")
    os.remove("all/link.png")
    for name in ("notes.txt", "sub/Thumbs.db", "i.webp", "no-suffix"):
        os.remove(f"all/{name}")
    expect_end(darknet("embed", "net.cfg", "net.weights", "all", "out", "-force"))
    expect(not os.path.exists("out.skipped"), "the names of an earlier run")


def typed_in():
    write("c.cfg", NET + "[connected]\noutput=2\nactivation=linear\n[softmax]\n")
    expect_end(darknet("init", "c.cfg", "c.weights", "-force"))
    write("names", "a\nb\n")
    write("c.data", "classes=2\nnames=names\ntop=1\n")
    write("good.png", png(PICTURE))
    long = "x" * 5000
    done = darknet("classifier", "predict", "c.data", "c.cfg", "c.weights",
                   input=f"good.png\n{long}\n\ngood.png\n")
    expect_end(done, 1, f"{long[:200]}", "standard input: 1 of 3 images failed")
    expect(done.stderr.count("cannot read") == 1, "a long line is one path")
    expect(done.stderr.count("Predicted in") == 2, "the others")
    done = darknet("classifier", "predict", "c.data", "c.cfg", "c.weights", input="good.png")
    expect_end(done)


if __name__ == "__main__":
    attempt_all(start, png_forms, png_by_pillow, bmp_forms, pnm_forms, jpeg_forms, orientation,
                by_content, refusals, alone, within_sets, folders, typed_in)
    summary()
