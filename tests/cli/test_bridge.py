#!/usr/bin/python3
"""test_bridge.py - runs darknet with the weights of another network, which has another classifier
or another width, or only the backbone, or only the first layers."""
import itertools
import json
import re
import struct
import sys

from os.path import abspath, dirname, join

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "lib"))
from common import attempt_all, darknet, expect, expect_end, read, summary, write  # noqa: E402
from small_run import faults  # noqa: E402

NET = "[net]\nbatch=2\nheight=16\nwidth=16\nchannels=3\nmax_batches=1\nlearning_rate=0\n"
BODY = "[convolutional]\nname=stem\nfilters=4\nsize=3\nstride=2\nbatch_normalize=1\n" \
       "[global_depthwise]\n[convolutional]\nname=top\nfilters=6\nactivation=linear\n"


def head(classes):
    return f"[margin_softmax]\nclasses={classes}\nmargin=cosface\n"


def start():
    expect_end(darknet("synth", "syn", "-identities", "3", "-images", "4", "-size", "32",
                       "-pairs", "20"))
    for name, text in (("bare", ""), ("net", head(3)), ("nine", head(9))):
        write(f"{name}.cfg", NET + BODY + text)
        expect_end(darknet("init", f"{name}.cfg", f"{name}.weights"))


def floats(path):
    data = read(path)[20:]
    return struct.unpack(f"<{len(data) // 4}f", data)


def every_pair():
    """check and bench accept each cfg with the weights of another cfg; check prints a warning."""
    for cfg, weights in itertools.product(("bare", "net", "nine"), repeat=2):
        done = darknet("check", f"{cfg}.cfg", f"{weights}.weights")
        expect_end(done)
        expect((cfg == weights) == (done.stderr == ""), f"{cfg}, {weights}: {done.stderr}")
        expect_end(darknet("bench", f"{cfg}.cfg", f"{weights}.weights", "-runs", "1"))


def another_head():
    data, given = "syn/faces.data", floats("nine.weights")
    refused = darknet("classifier", "train", data, "net.cfg", "nine.weights", "-out", "a")
    expect_end(refused, 1,
               "the head has 9 classes, the cfg 3: -from-backbone gives it initial values")
    for option in ([], ["-from-cfg", "nine.cfg"]):
        out = "b" + str(len(option))
        done = darknet("classifier", "train", data, "net.cfg", "nine.weights", "-from-backbone",
                       *option, "-out", out)
        expect_end(done, 0, "initial")
        expect(re.search(r"^ +0  to 2 .* taken", done.stderr, re.M), done.stderr)
        expect(floats(f"{out}/net.weights")[16:124] == given[16:124], "the filters are others")


def only_the_backbone():
    done = darknet("classifier", "train", "syn/faces.data", "net.cfg", "bare.weights", "-out", "c")
    expect_end(done, 0, "layer 3 [margin_softmax] is not in the file and gets initial values")


def parts():
    expect_end(darknet("strip", "net.cfg", "net.weights", "s.cfg", "s.weights"))
    expect(floats("s.weights") == floats("net.weights")[:-18], "the stripped weights are others")
    kept = read("s.cfg").decode().split("\n\n", 1)[1]
    expect(kept == NET.replace("batch=2\n", "").split("max_batches")[0] + "\n" +
           BODY.replace("\n[", "\n\n["), f"kept: {kept}")
    expect_end(darknet("check", "s.cfg", "s.weights"))
    expect_end(darknet("partial", "net.cfg", "net.weights", "p.weights", "1"))
    expect(floats("p.weights") == floats("net.weights")[:124], "the first layer is another")
    write("slim.cfg", NET + BODY.replace("filters=4", "filters=2"))
    expect_end(darknet("init", "slim.cfg", "slim.weights", "-from", "net.cfg", "net.weights"), 0,
               "has to be trained before use")


def json_of_check():
    done = darknet("check", "net.cfg", "-json")
    expect_end(done)
    got = json.loads(done.stdout)
    expect(got["embedding"] == 2 and got["layers"][0]["name"] == "stem", done.stdout)
    expect([layer["is_classifier"] for layer in got["layers"]] == [False] * 3 + [True], done.stdout)
    counts = [p["count"] for layer in got["layers"] for p in layer["params"]]
    expect(sum(counts) == len(floats("net.weights")),
           "the counts do not add up to the file")
    expect(got["fingerprint"] is None, "features without weights have a fingerprint")


def fingerprint():
    """The fingerprint depends on layers and weights, not on comments or options of training."""
    def of(cfg, weights):
        done = darknet("check", cfg, weights, "-json")
        expect_end(done)
        return json.loads(done.stdout)["fingerprint"]

    text = read("net.cfg").decode()
    first = of("net.cfg", "net.weights")
    expect(len(first) == 16 and int(first, 16), f"no fingerprint: {first}")
    write("remark.cfg",
          "# another remark\n" + text.replace("[convolutional]", "[convolutional]\ndecay=3", 1))
    expect(of("remark.cfg", "net.weights") == first, "a remark and decay= change it")
    write("linear.cfg", text.replace("activation=linear", "activation=relu", 1))
    expect("linear" in text and of("linear.cfg", "net.weights") != first, "an activation does not")
    data = bytearray(read("net.weights"))
    data[-4] ^= 1
    write("bit.weights", bytes(data))
    expect(of("net.cfg", "bit.weights") == first, "a bit of the head changes it")
    data[-100] ^= 1
    write("bit.weights", bytes(data))
    expect(of("net.cfg", "bit.weights") != first, "a bit of the weights does not")
    expect_end(darknet("strip", "net.cfg", "net.weights", "s.cfg", "s.weights", "-force"))
    expect(of("s.cfg", "s.weights") == first, "the stripped network has another")


def no_number():
    write("nan.f32", struct.pack("<f", float("nan")) * 768)
    done = darknet("classifier", "raw", "bare.cfg", "bare.weights", "nan.f32", "nan.out")
    expect_end(done, 1, "nan.f32: the network's output is NaN or infinite")


def strip_reads_every_number():
    """In layers= of [route], strip reads 1e1 as layer 10, and a word like nan9 as a name."""
    layers = "".join(f"[connected]\noutput=2\nname=nan{i}\n" for i in range(12))
    write("list.cfg", NET + layers + "[route]\nlayers=1e1, nan9,-2\n")
    expect_end(darknet("init", "list.cfg", "list.weights"))
    expect_end(darknet("strip", "list.cfg", "list.weights", "l.cfg", "l.weights"))
    expect(b"[route]\nlayers=10,nan9,-1\n" in read("l.cfg"), read("l.cfg"))


def strip_replaces_both_files():
    """When the cfg cannot be written, the old weights stay: they belong to the old cfg."""
    words = ("strip", "net.cfg", "net.weights", "both.cfg", "both.weights")
    expect_end(darknet(*words))
    old = read("both.cfg"), read("both.weights")
    done = darknet(*words, "-to", "0", "-force", env=faults("both.cfg", 1, 9, 28, "write"))
    expect_end(done, 1, "both.cfg: cannot write: No space left on device")
    expect((read("both.cfg"), read("both.weights")) == old, "one file is new, the other is old")


attempt_all(start, no_number, every_pair, another_head, only_the_backbone, parts, json_of_check,
            fingerprint, strip_reads_every_number, strip_replaces_both_files)
summary()
