"""compress low-rank must print the error on images that were not used for fitting."""
import json
import os
import re

from common import attempt_all, darknet, expect, expect_end, needed, raw, read, summary, write

with needed():
    import numpy as np
    from PIL import Image

COUNT = 60
CFG = """[net]
height=12
width=12
channels=3
input_mean=127.5
input_scale=0.0078125
[convolutional]
filters=24
size=3
activation=relu
[convolutional]
filters=40
size=10
activation=linear
"""


def compress(name, *args, images="faces", status=0, texts=()):
    done = darknet("compress", "low-rank", "net.cfg", "net.weights", images, f"{name}.cfg",
                   f"{name}.weights", "-threads", "1", "-rank", "16", "-all", "-force", *args,
                   timeout=60)
    expect_end(done, status, *texts)
    return done


def make_inputs():
    """Makes images of noise: a fit to some images does not reduce the error on others."""
    rng = np.random.default_rng(3)
    os.makedirs("faces")
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(f"faces/{i:03}.png")
    write("net.cfg", CFG)
    expect_end(darknet("init", "net.cfg", "net.weights", timeout=60))


def pixels(names):
    x = np.stack([np.asarray(Image.open(f"faces/{n}"), np.float64) for n in names])
    return (x - 127.5) / 128


def error_and_cosine(name, names):
    """Returns the means over images of |a - b|^2 / |a|^2 and cos(a, b). a, b: the features by
    net.cfg and by NAME.cfg."""
    a = raw("net.cfg", "net.weights", pixels(names), timeout=60).reshape(len(names), -1)
    b = raw(f"{name}.cfg", f"{name}.weights", pixels(names), timeout=60).reshape(len(names), -1)
    a, b = a.astype(np.float64), b.astype(np.float64)
    aa = (a * a).sum(1)
    error = ((a - b) ** 2).sum(1) / aa
    return error.mean(), ((a * b).sum(1) / np.sqrt(aa * (b * b).sum(1))).mean()


def the_error_is_that_of_others():
    for method in ("linear", "asymmetric"):
        found = json.loads(compress("small", "-method", method, "-json").stdout)
        held = found["held_out"]
        fitted = sorted(set(os.listdir("faces")) - set(held))
        expect(len(held) == 15 and found["images_fitted"] == 45 and len(fitted) == 45, f"{held}")
        error, cosine = error_and_cosine("small", held)
        expect(abs(found["relative_error"] - error) < 1e-4 * error, f"{method}: {error} {found}")
        expect(abs(found["cosine"] - cosine) < 1e-5, f"{method}: {cosine} {found}")
        flattering = error_and_cosine("small", fitted)[0]
        expect(flattering < .5 * error, f"{method}: {flattering} on the fitted, {error} on others")
        out = compress("text", "-method", method).stdout
        expect(f"output of layer 1 on 15 images held out from the fit: relative error "
               f"{100 * error:.3f}%, mean cosine {cosine:.5f}\n" in out, out)
        layers = re.findall(r"([\d.]+)% +([\d.]+)%$", out, re.M)
        expect([f"{100 * l['error']:.3f}" for l in found["layers"]] == [a for a, _ in layers], out)


def the_choice_is_seeded():
    one, same, other = (json.loads(compress("seed", "-json", "-seed", s).stdout)["held_out"]
                        for s in ("1", "1", "2"))
    expect(one == same and one != other, "held out")
    some = json.loads(compress("some", "-json", "-held-out", "50").stdout)
    expect(len(some["held_out"]) == 19, "41 images are needed for the 40 responses: "
           f"{len(some['held_out'])}")


def without_images_to_spare():
    done = compress("few", "-samples", "41")
    expect("output of layer 1: not measured: the fit needs all 41 images; give it more\n" in
           done.stdout, done.stdout)
    expect("relative error" not in done.stdout and re.search(r" - +-$", done.stdout, re.M),
           done.stdout)
    found = json.loads(compress("few", "-samples", "41", "-json").stdout)
    expect(found["relative_error"] is None and found["cosine"] is None and
           found["held_out"] == [] and found["layers"][0]["error"] is None, found)
    out = compress("few", "-samples", "42").stdout
    expect("on 1 image held out from the fit" in out, out)
    out = compress("all", "-held-out", "0").stdout
    expect("output of layer 1: not measured: no images are held out (-held-out 0)\n" in out, out)


def broken_ones_are_named():
    write("faces/000x.png", b"\x89PNG\r\n\x1a\nno more")
    write("faces/notes.txt", "no image")
    Image.new("RGB", (9, 9)).save("faces/001y.png")
    text = "2 images were skipped, others took their places: broken.weights.skipped names them"
    done = compress("broken", "-samples", "58", texts=(text,))
    found = json.loads(compress("broken", "-json", status=1).stdout)
    expect(found["images_fitted"] + len(found["held_out"]) == COUNT and found["skipped"] == 2,
           found)
    expect("on 14 images held out" in done.stdout, done.stdout)
    os.remove("broken.weights")
    done = compress("broken", status=1, texts=(
        "broken.weights: 2 of 62 images were skipped: broken.weights.skipped names them",))
    expect(os.path.exists("broken.weights"), "no result of the others")
    expect("000x.png" in done.stderr and "is 9 x 9 pixels" in done.stderr, done.stderr)
    lines = read("broken.weights.skipped").decode().splitlines()
    expect(len(lines) == 3 and any("notes.txt" in line for line in lines), lines)
    os.remove("faces/000x.png")
    os.remove("faces/001y.png")
    os.remove("faces/notes.txt")
    compress("broken")
    expect(not os.path.exists("broken.weights.skipped"), "the names of an earlier run")
    write("bad.txt", "none/1.png\nnone/2.png\n")
    compress("nothing", images="bad.txt", status=1,
             texts=("bad.txt: all images were skipped", "none/"))
    expect(not os.path.exists("nothing.weights"), "nothing.weights")


attempt_all(make_inputs, the_error_is_that_of_others, the_choice_is_seeded,
            without_images_to_spare, broken_ones_are_named)
summary()
