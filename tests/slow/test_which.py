"""Runs scripts/which_network.py on a few small synthetic faces. A second call repeats no work."""
import json
import os
import tempfile

from common import ROOT, attempt, expect, needs, read, script, summary, write

FACES = ("--size", "64", "--identities", "8", "--images", "80", "--batches", "2", "--batch", "8",
         "--synthetic-pairs", "20", "--teacher-batches", "2", "--samples", "600", "--tune-batches",
         "2", "--turns", "2")
NETWORKS = ("--networks", "resnet-face-small,mobilefacenet-eighth")
TUNED = "resnet-face-small-low-rank-tuned"


def run(out, *arguments):
    return script("which_network.py", "--out", out, *FACES, *arguments, cwd=ROOT)


def found(out):
    return json.loads(read(os.path.join(out, "networks.json")))["networks"]


def whole(out):
    done = run(out, *NETWORKS, "--no-times")
    expect(done.returncode == 0, done.stderr + done.stdout[-500:])
    rows = found(out)
    names = [r["name"] for r in rows]
    expect(names == ["mobilefacenet-eighth", TUNED, "resnet-face-small"], names)
    small, low, full = rows
    expect(small["macs"] < low["macs"] < .6 * full["macs"], "in order of their work")
    expect(all(0 <= r["lfw"]["accuracy"] <= 1 and not r["ms"] for r in rows), "verified, not timed")
    plain = os.path.join(out, "resnet-face-small", "plain.weights")
    expect(full["bytes"] == os.path.getsize(plain),
           "the bytes are those of the file without its loss")
    text = read(os.path.join(out, "table.md")).decode()
    expect("SYNTHETIC" in text and f"| {TUNED} |" in text, text)
    expect(read(os.path.join(out, "networks.png"))[:4] == b"\x89PNG", "a picture")


def nothing_twice(out):
    done = run(out, *NETWORKS, "--no-times")
    expect(done.returncode == 0, done.stderr)
    again = [l for l in done.stdout.split("\n")
             if l.startswith(("compressing", "verifying")) or "classifier train" in l]
    expect(not again, again)


def goes_on(out):
    """When a network is added, only that network is trained."""
    body = read(os.path.join(ROOT, "cfg", "mobilefacenet-eighth.cfg")).decode()
    body = body[:body.rindex("[convolutional]")] + "[connected]\noutput=32\nactivation=linear\n"
    own = write("own.cfg", body)
    done = run(out, NETWORKS[0], f"{NETWORKS[1]},{os.path.abspath(own)}", "--no-times")
    expect(done.returncode == 0, done.stderr + done.stdout[-500:])
    expect(done.stdout.count("classifier train") == 1, "only the new network is trained")
    rows = {r["name"]: r for r in found(out)}
    expect("output=512" in read(os.path.join(out, "own.cfg")).decode() and "own" in rows, rows)


def times(out):
    before = found(out)
    done = run(out, "--times-only")
    expect(done.returncode == 0, done.stderr)
    rows = found(out)
    expect(all(len(r["ms"]) == 2 and min(r["ms"]) > 0 for r in rows), [r["ms"] for r in rows])
    expect([r["lfw"] for r in rows] == [r["lfw"] for r in before], "the rest stays")
    expect("classifier train" not in done.stdout, "nothing is trained")
    done = run(out, *NETWORKS, "--no-times")
    expect(done.returncode == 0 and all(len(r["ms"]) == 2 for r in found(out)), "times stay")


def refuses(out):
    for arguments, status, text in (
            (["--networks", "nothing"], 1, "--networks nothing: is neither a network of cfg/"),
            (["--networks", "vgg16,vgg16"], 2, "vgg16 is given twice"),
            (["--cfp", "x"], 2, "--cfp and --cfp-pairs go together"),
            (["--turns", "0"], 2, "must be from 1 to 1000"),
            (["--times-only", "--out", "none"], 1, "networks.json: No such file or directory")):
        done = run(out, *arguments)
        expect(done.returncode == status and text in done.stderr and "Traceback" not in done.stderr,
               f"{arguments}: {done.returncode} {done.stderr}")


needs("matplotlib", "numpy", "PIL", "scipy")
with tempfile.TemporaryDirectory() as temporary:
    os.chdir(temporary)
    for test in (whole, nothing_twice, goes_on, times, refuses):
        attempt(test.__name__, test, os.path.join(temporary, "out"))
    os.chdir(ROOT)
summary()
