"""Tests darknet align: compares its crops with a transform and an interpolation in NumPy."""
import fcntl
import io
import os
import signal
import tempfile

from common import check, darknet, needed, read, summary, write
from small_run import faults

with needed():
    import numpy as np
    from PIL import Image

TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366],
                     [41.5493, 92.3655], [70.7299, 92.2041]])


def align(*words):
    done = darknet("align", *words)
    return done.returncode, done.stdout, done.stderr


def save(path, pixels):
    """Writes a PNG file: only the crops that align writes, JPEG files, lose precision."""
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels + .5, 0, 255).astype(np.uint8)).save(buffer, "png")
    return write(path, buffer.getvalue())


def crop(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float64)


def line(path, points, *before):
    return " ".join([path, *map(str, before), *(f"{v:.4f}" for v in np.ravel(points))]) + "\n"


def umeyama(source, target):
    """Returns the 2 x 3 matrix that maps the points `source` to `target` with the least squared
    error by a similarity transform (Umeyama 1991, eq. 38 to 43)."""
    ms, mt = source.mean(0), target.mean(0)
    u, d, vt = np.linalg.svd((target - mt).T @ (source - ms) / len(source))
    sign = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / ((source - ms) ** 2).sum(1).mean()
    return np.hstack([scale * rotation, (mt - scale * rotation @ ms)[:, None]])


def sample(pixels, x, y):
    """Returns the colours at (x, y) by bilinear interpolation; 0 outside of the image."""
    padded = np.pad(pixels, ((1, 2), (1, 2), (0, 0)))
    x, y = (np.clip(v + 1, 0, n + 1 - 1e-9) for v, n in ((x, pixels.shape[1]),
                                                         (y, pixels.shape[0])))
    i, j = x.astype(int), y.astype(int)
    a, b = (x - i)[..., None], (y - j)[..., None]
    return ((1 - b) * ((1 - a) * padded[j, i] + a * padded[j, i + 1]) +
            b * ((1 - a) * padded[j + 1, i] + a * padded[j + 1, i + 1]))


def warp(pixels, m, width, height):
    back = np.linalg.inv(np.vstack([m, [0, 0, 1]]))[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    at = np.stack([x, y, np.ones_like(x)], -1) @ back.T
    return sample(pixels, at[..., 0], at[..., 1])


def waves(seed, width, height):
    """Returns a smooth picture with weak colours, which JPEG and interpolation change little."""
    draw = np.random.RandomState(seed)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    out = np.full((height, width, 3), 128.)
    for _ in range(6):
        u, v, phase = draw.uniform(-.12, .12), draw.uniform(-.12, .12), draw.uniform(0, 6)
        out += np.sin(u * x + v * y + phase)[..., None] * (16 + draw.uniform(-4, 4, 3))
    return out


def move(m, points):
    return points @ m[:, :2].T + m[:, 2]


def similarity(angle, scale, x, y):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def test_numpy(tmp):
    """Crops equal NumPy's crops, also when no similarity transform fits the landmarks exactly."""
    draw, text = np.random.RandomState(5), ""
    pictures = {}
    for k in range(6):
        m = similarity(draw.uniform(-.6, .6), draw.uniform(1, 2), draw.uniform(60, 120),
                       draw.uniform(60, 120))
        points = move(m, TEMPLATE) + draw.normal(0, 4, (5, 2))
        pixels = waves(k, 400, 380)
        pictures[k] = (points, pixels)
        save(f"{tmp}/in/p{k % 2}/{k}.png", pixels)
        text += line(f"p{k % 2}/{k}.png", points)
    write(f"{tmp}/l.txt", text)
    for size, width in (("112x112", 112), ("112x96", 96)):
        out = f"{tmp}/out{width}"
        status, said, error = align(f"{tmp}/in", f"{tmp}/l.txt", out, "-size", size, "-threads",
                                    "2")
        check(status == 0 and said.startswith("6 written, 0 there already, 0 failed"), size,
              said + error)
        for k, (points, pixels) in pictures.items():
            m = umeyama(np.round(points, 4), TEMPLATE - [(112 - width) / 2, 0])
            want, got = warp(pixels, m, width, 112), crop(f"{out}/p{k % 2}/{k}.jpg")
            check(got.shape == want.shape, f"{size} {k}: shape", got.shape)
            # JPEG and rounding make small differences
            off = np.abs(got - want)[2:-2, 2:-2].mean() if got.shape == want.shape else 99
            check(off < 1, f"{size} {k}: as NumPy's", off)
            shifted = warp(pixels, m + [[0, 0, 1], [0, 0, 0]], width, 112)
            far = np.abs(got - shifted)[2:-2, 2:-2].mean()
            check(far > 1.5 * off, f"{size} {k}: a pixel would show", (off, far))


def test_comes_back(tmp):
    """A known transform draws a face into a black image. align cuts out this face."""
    text, faces = "", {}
    for k, (angle, scale) in enumerate(((0, 1), (.4, 1.3), (-1.2, 1.7), (3, 1.1))):
        faces[k] = waves(20 + k, 112, 112)
        m = similarity(angle, scale, 0, 0)
        m[:, 2] = [150, 140] - move(m, np.array([[56., 56.]]))[0]
        save(f"{tmp}/in/{k}.png", warp(faces[k], m, 300, 280))
        text += line(f"{k}.png", move(m, TEMPLATE))
    write(f"{tmp}/l.txt", text)
    status, said, error = align(f"{tmp}/in", f"{tmp}/l.txt", f"{tmp}/out")
    check(status == 0, "comes back", said + error)
    for k, face in faces.items():
        off = np.abs(crop(f"{tmp}/out/{k}.jpg") - face)[4:-4, 4:-4].mean()
        check(off < 1.5, f"face {k} comes back", off)


def test_several(tmp):
    pixels = waves(40, 500, 300)
    small, large = TEMPLATE * .5 + [220, 110], TEMPLATE * 1.2 + [5, 5]
    save(f"{tmp}/in/a.png", pixels)
    landmarks = write(f"{tmp}/l.txt", line("a.png", large) + line("a.png", small))
    for how, points, word in (("center", small, "one nearest to the centre"),
                              ("largest", large, "largest")):
        out = f"{tmp}/{how}"
        status, said, error = align(f"{tmp}/in", landmarks, out, "-several", how)
        check(status == 0 and error == f"{tmp}/in/a.png: has 2 faces: took the {word}\n", how,
              said + error)
        want = warp(pixels, umeyama(points, TEMPLATE), 112, 112)
        off = np.abs(crop(f"{out}/a.jpg") - want)[2:-2, 2:-2].mean()
        check(off < 1.5, f"{how}: the face", off)
    status, said, error = align(f"{tmp}/in", landmarks, f"{tmp}/skip", "-several", "skip")
    check(status == 1 and error == f"{tmp}/in/a.png: has 2 faces\n" and "1 failed" in said, "skip",
          said + error)
    check(not os.path.exists(f"{tmp}/skip/a.jpg"), "skip writes nothing")


def test_faults(tmp):
    for name in ("good", "unlisted", "outside", "faceless", "cells", "odd", "sub/good"):
        save(f"{tmp}/in/{name}.png", waves(1, 120, 120))
    # the crops of good.jpeg and good.png would have the same file name
    save(f"{tmp}/in/good.jpeg", waves(1, 120, 120))
    write(f"{tmp}/in/broken.jpg", b"\xff\xd8\xff\xe0 no more")
    write(f"{tmp}/in/empty.png", b"")
    text = line("good.png", TEMPLATE) + line("./sub/good.png", TEMPLATE)
    text += line("good.jpeg", TEMPLATE) + line("broken.jpg", TEMPLATE)
    text += line("empty.png", TEMPLATE) + line("outside.png", TEMPLATE + [60, 0])
    text += "faceless.png\n" + "cells.png" + ",".join(11 * [""]) + "\n"
    text += line("odd.png", TEMPLATE[:, ::-1])
    text += line("nowhere.png", TEMPLATE) + line("../in/good.png", TEMPLATE)
    text += line("/etc/passwd", TEMPLATE)
    landmarks, out = write(f"{tmp}/l.txt", text), f"{tmp}/out"
    status, said, error = align(f"{tmp}/in/", landmarks, out)
    check(status == 1 and said.startswith("2 written, 0 there already, 11 failed"), "faults", said)
    for want in (f"{tmp}/in/broken.jpg: cannot be decoded",
                 f"{tmp}/in/empty.png: is empty",
                 f"{tmp}/in/outside.png: has landmarks outside of its 120 x 120 pixels",
                 f"{tmp}/in/faceless.png: has no face in the landmarks",
                 f"{tmp}/in/cells.png: has no face in the landmarks",  # its CSV line is empty
                 f"{tmp}/in/unlisted.png: has no face in the landmarks",
                 f"{tmp}/in/odd.png: has landmarks that do not lie as eyes, nose and mouth do",
                 f"{tmp}/in/nowhere.png: is missing",
                 f"{tmp}/in/good.png: its crop would be {out}/good.jpg, as that of good.jpeg",
                 "../in/good.png: must be a path relative to the images",
                 "/etc/passwd: must be a path relative to the images"):
        check(want in error.splitlines(), want, error)
    there = sorted(os.path.relpath(os.path.join(at, n), out)
                   for at, _, names in os.walk(out) for n in names)
    check(there == ["align.txt", "good.jpg", "sub/good.jpg"], "what was written", there)
    first = read(f"{out}/good.jpg")
    write(f"{out}/good.jpg", b"mine")
    status, said, error = align(f"{tmp}/in", landmarks, out, "-allow-missing")
    check(status == 0 and said.startswith("0 written, 2 there already, 11 failed"), "again", said)
    check(read(f"{out}/good.jpg") == b"mine", "what is there stays")
    status, said, error = align(f"{tmp}/in", landmarks, out, "-allow-missing", "-force")
    check(status == 0 and said.startswith("2 written"), "-force", said)
    check(read(f"{out}/good.jpg") == first, "-force writes the same bytes again")
    os.remove(f"{out}/good.jpg")
    os.symlink(f"{tmp}/in/good.png", f"{out}/good.jpg")
    _, said, error = align(f"{tmp}/in", landmarks, out, "-force")
    check(f"{out}/good.jpg: is there and no regular file" in error, "a link", error)
    os.remove(f"{out}/good.jpg")
    os.link(f"{tmp}/in/good.jpeg", f"{out}/good.jpg")
    _, said, error = align(f"{tmp}/in", landmarks, out, "-force")
    check(f"{out}/good.jpg: is the image itself" in error, "the image itself", error)
    check(read(f"{tmp}/in/good.jpeg")[1:4] == b"PNG", "the image is unharmed")


def test_many_fields(tmp):
    save(f"{tmp}/in/a.png", waves(1, 120, 120))
    landmarks = write(f"{tmp}/l.txt", line("a.png", TEMPLATE) + "b.png" + 3000 * "," + "\n")
    status, said, error = align(f"{tmp}/in", landmarks, f"{tmp}/out")
    check(status == 1 and said.startswith("1 written"), "a line of 3,000 commas", said + error)


def test_whole_run(tmp):
    save(f"{tmp}/in/a.png", waves(1, 120, 120))
    landmarks, folder = write(f"{tmp}/l.txt", line("a.png", TEMPLATE)), f"{tmp}/in"
    for out in (folder, f"{folder}/out", tmp):
        status, said, error = align(folder, landmarks, out)
        want = f"{out}: must be a folder apart from the images in {folder}\n"
        check((status, error) == (1, want), f"OUT {out}", said + error)
    check(not os.path.exists(f"{folder}/out"), "left behind after an error")
    check(align(folder, landmarks, f"{tmp}/inside")[0] == 0, "a longer name is another folder")
    for words, want in (((folder, landmarks), "usage: darknet align"),
                        ((folder, landmarks, f"{tmp}/o", "-size", "96x112"),
                         "-size 96x112: must be 112x112 or 112x96"),
                        ((folder, landmarks, f"{tmp}/o", "-several", "all"),
                         "-several all: must be largest, center or skip"),
                        ((folder, landmarks, f"{tmp}/o", "-threads", "0"), "-threads 0: must be")):
        status, said, error = align(*words)
        check(status == 2 and want in error, want, said + error)
    for words, want in (((landmarks, landmarks, f"{tmp}/o"), "l.txt: is not a folder"),
                        ((folder, f"{tmp}/none", f"{tmp}/o"), "none: cannot read: No such file"),
                        ((folder, landmarks, f"{tmp}/o/o"), "o/o: cannot make this folder"),
                        ((folder, f"{folder}/a.png", f"{tmp}/o"),
                         "a NUL byte; a file of landmarks must be text")):
        status, said, error = align(*words)
        check(status == 1 and want in error, want, said + error)
    check(not os.path.exists(f"{tmp}/o"), "a wrong call makes no folder")
    save(f"{tmp}/in/sub/a.png", waves(1, 120, 120))
    write(landmarks, line("sub/a.png", TEMPLATE))
    os.makedirs(f"{tmp}/full/sub")
    os.chmod(f"{tmp}/full/sub", 0o555)
    status, said, error = align(folder, landmarks, f"{tmp}/full")
    check(status == 1 and "sub/a.jpg: cannot write: its folder is read-only" in error and
          "full: stopped: a crop cannot be written" in error, "a folder without room", error)
    check(not os.listdir(f"{tmp}/full/sub"), "no half crop")
    os.chmod(f"{tmp}/full/sub", 0o755)


def test_other_options(tmp):
    save(f"{tmp}/in/a.png", waves(1, 120, 120))
    landmarks, out = write(f"{tmp}/l.txt", line("a.png", TEMPLATE)), f"{tmp}/out"
    check(align(f"{tmp}/in", landmarks, out)[0] == 0, "the first")
    first = read(f"{out}/a.jpg")
    status, _, error = align(f"{tmp}/in", landmarks, out, "-size", "112x96")
    check(status == 1 and "align.txt: lists crops that were cut by other options" in error,
          "another size", error)
    check(read(f"{out}/a.jpg") == first, "the crop stays")
    status, said, error = align(f"{tmp}/in", landmarks, out, "-size", "112x96", "-force")
    check(status == 0 and said.startswith("1 written") and read(f"{out}/a.jpg") != first,
          "-force", said + error)
    check(align(f"{tmp}/in", landmarks, out, "-size", "112x96")[1].startswith("0 written, 1 there"),
          "again")


def test_names_without_suffix(tmp):
    """The landmarks may name a.png without its suffix, also beside an image a\u00e9.png."""
    for name in ("a", "a\u00e9", "b"):
        save(f"{tmp}/in/{name}.png", waves(1, 120, 120))
    landmarks = write(f"{tmp}/l.txt", line("a", TEMPLATE))
    status, said, error = align(f"{tmp}/in", landmarks, f"{tmp}/out", "-allow-missing")
    check(status == 0 and os.path.exists(f"{tmp}/out/a.jpg"), "a name without suffix", said, error)


def test_others(tmp):
    """align keeps images in the output folder that this run did not make, and counts them."""
    for name in "ab":
        save(f"{tmp}/in/{name}.png", waves(1, 120, 120))
    landmarks, out = f"{tmp}/l.txt", f"{tmp}/out"
    lines = [line(f"{name}.png", TEMPLATE) for name in "ab"]
    check(align(f"{tmp}/in", write(landmarks, "".join(lines)), out)[2] == "", "all are crops")
    os.remove(f"{tmp}/in/b.png")
    _, said, error = align(f"{tmp}/in", write(landmarks, lines[0]), out, "-force")
    want = f"{out}: also has {{}} not made of these images and landmarks\n"
    check(said.startswith("1 written") and error == want.format("1 image that was"), said, error)
    check(os.path.exists(f"{out}/b.jpg"), "it stays")
    write(f"{out}/mine/c.png", "mine")
    error = align(f"{tmp}/in", landmarks, out)[2]
    check(error == want.format("2 images that were"), error)


def test_killed(tmp):
    for name in ("a", "sub/b"):
        save(f"{tmp}/in/{name}.png", waves(1, 120, 120))
    landmarks = write(f"{tmp}/l.txt", line("a.png", TEMPLATE) + line("sub/b.png", TEMPLATE))
    words = ("align", f"{tmp}/in", landmarks, f"{tmp}/out", "-threads", "1")
    for number, folder in ((1, "out"), (2, "out/sub")):
        killed = darknet(*words, env=faults(".jpg", number, 1, -signal.SIGKILL, "rename"))
        check(killed.returncode == -signal.SIGKILL and
              any(n.endswith(".tmp") for n in os.listdir(f"{tmp}/{folder}")), "killed", folder)
    done = darknet(*words)
    left = [n for _, _,
            names in os.walk(f"{tmp}/out") for n in names if n.endswith((".tmp", ".lock"))]
    check(done.returncode == 0 and not left, "the next one", done.stderr, left)
    os.remove(f"{tmp}/out/a.jpg")
    write(f"{tmp}/out/align.lock", "")
    with open(f"{tmp}/out/align.lock", "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        status, _, error = align(*words[1:])
    check(status == 1 and "out/align.lock: is in use by" in error, "two at once", error)


def main():
    for test in (test_numpy, test_comes_back, test_several, test_faults, test_whole_run,
                 test_other_options, test_names_without_suffix, test_others, test_many_fields,
                 test_killed):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
    summary()


main()
