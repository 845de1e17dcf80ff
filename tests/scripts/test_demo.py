"""make demo: four pairs of drawings with cosines, decisions and a sheet; pairs of photographs."""
import os
import re

from common import attempt_all, darknet, expect, expect_end, needed, needs, script, summary, write
from detector import make_detector, photograph

needs("numpy")
with needed():
    from PIL import Image

    import demo


def start():
    make_detector("cache/thinface/mtcnn")
    write("net.cfg", "[net]\nheight=112\nwidth=112\nchannels=3\n[avgpool]\n[connected]\noutput=8\n")
    expect_end(darknet("init", "net.cfg", "net.weights"))


def drawings():
    demo.IDENTITIES, demo.IMAGES, demo.PAIRS, demo.BATCH, demo.BATCHES = 4, 4, 40, 16, 60
    os.makedirs("out")
    cfg, weights, threshold, pairs = demo.on_drawings("out")
    expect(os.path.exists(cfg) and os.path.exists(weights) and -1 < threshold < 1, threshold)
    expect(len(pairs) == 4 and all(os.path.exists(p) for pair in pairs for p in pair), pairs)
    people = [[os.path.basename(os.path.dirname(p)) for p in pair] for pair in pairs]
    expect([a == b for a, b in people] == [True, True, False, False], people)
    for pair in pairs:
        cosine, verdict = demo.compare(cfg, weights, *pair, threshold)
        is_clear = abs(cosine - threshold) > 2e-4  # both are printed with four digits
        want = "the same person" if cosine > threshold else "different people"
        expect(verdict == want or not is_clear, (verdict, cosine, threshold))


def photographs():
    for name in ("ann/1", "ann/2", "bob/1"):
        photograph(f"photos/{name}.png", 120, 110, (20, 30))
    write("photos/text.png", "no picture")  # is skipped
    done = script("demo.py", "--out", "shown", "--photos", "photos", "--net", "net.cfg",
                  "net.weights", "--threshold", "0.9", env={"XDG_CACHE_HOME": "cache"})
    expect_end(done)
    expect(len(re.findall(r"pair [12]: cosine 1.0000: the same person\n", done.stdout)) == 2,
           done.stdout)
    with Image.open("shown/sheet.png") as sheet:
        expect(sheet.size == (632, 372), sheet.size)


def wrong_calls():
    os.makedirs("empty")
    done = script("demo.py", "--out", "o", "--photos", "empty", env={"XDG_CACHE_HOME": "cache"})
    expect_end(done, 1, "empty: no images\n")
    expect("synth" not in done.stdout, "trained first")
    expect_end(script("demo.py", "--out", "o", "--threshold", "1"), 2, "--threshold for --net")
    done = script("demo.py", "--out", "o", "--photos", "photos", "--net", "net.cfg", "net.weights",
                  env={"XDG_CACHE_HOME": "/none"})
    expect_end(done, 1, "make faces-deps")


attempt_all(start, drawings, photographs, wrong_calls)
summary()
