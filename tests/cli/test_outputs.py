"""Tests the files that verbs write: the inputs and earlier results are never lost."""
import os
import shutil
import signal
import stat
import subprocess
import time

from common import DARKNET, attempt_all, darknet, expect, expect_end, needed, read, summary, write
from small_run import faults

with needed():
    import numpy as np
    from PIL import Image
from lib import embeddings

NET = """[net]
batch=2
height=8
width=8
channels=3
[convolutional]
filters=4
size=3
activation=relu
[connected]
output=5
activation=linear
"""


EARLIER = bytes([0, 0, 0, 0, 2]) + bytes(40)  # begins like a weights file, so -force replaces it


def make_inputs():
    write("net.cfg", NET)
    expect_end(darknet("init", "net.cfg", "net.weights"))
    expect_end(darknet("compress", "pack", "net.cfg", "net.weights", "net.packed"))
    os.makedirs("faces/a")
    draw = np.random.RandomState(1)
    for i in range(4):
        Image.fromarray(draw.randint(0, 256, (8, 8, 3)).astype(np.uint8)).save(f"faces/a/{i}.png")
    write("in.f32", np.zeros(2 * 8 * 8 * 3, np.float32).tobytes())
    write("list.txt", "faces/a/0.png\nfaces/a/1.png\n")


def verbs(out):
    """Returns {verb: words of its command line} of the verbs that write one file, `out`."""
    return {"init": ("init", "net.cfg", out),
            "pack": ("compress", "pack", "net.cfg", "net.weights", out),
            "unpack": ("compress", "unpack", "net.packed", "net.cfg", out),
            "embed": ("embed", "net.cfg", "net.weights", "list.txt", out),
            "raw": ("classifier", "raw", "net.cfg", "net.weights", "in.f32", out)}


def refuses(words, text, out):
    """The command must fail with `text`. It must not change `out`, nor add or remove any file."""
    before = read(out) if os.path.isfile(out) else None
    names = sorted(os.listdir("."))
    expect_end(darknet(*words), 1, text)
    expect((read(out) if os.path.isfile(out) else None) == before, f"{words}: {out} changed")
    expect(sorted(os.listdir(".")) == names, f"{words}: left {set(os.listdir('.')) - set(names)}")


def the_last_line_names_them():
    weights = ("net.cfg", "net.weights")
    more = {"strip": (("strip", *weights, "s.cfg", "s.weights"), ["s.cfg", "s.weights"]),
            "partial": (("partial", *weights, "p.weights", "1"), ["p.weights"]),
            "low-rank": (("compress", "low-rank", *weights, "list.txt", "l.cfg", "l.weights",
                          "-rank", "2", "-csv", "l.csv"), ["l.cfg", "l.weights", "l.csv"]),
            "init -from": (("init", "net.cfg", "f.weights", "-from", *weights), ["f.weights"])}
    more.update({name: (words, ["last"]) for name, words in verbs("last").items()})
    for name, (words, files) in more.items():
        done = darknet(*words)
        expect_end(done)
        last = (done.stdout.splitlines() or [""])[-1]
        expect(all(f in last for f in files), f"{name}: {done.stdout}")
        for f in files:
            os.remove(f)
    for f in os.listdir("."):
        if f.startswith("last"):
            os.remove(f)


def no_input_is_replaced():
    shutil.copy("net.weights", "saved.weights")
    os.link("net.weights", "hard.weights")
    os.symlink("net.cfg", "soft.cfg")
    inputs = {"init": ["net.cfg"], "pack": ["net.cfg", "net.weights"],
              "unpack": ["net.cfg", "net.packed"], "raw": ["net.cfg", "net.weights", "in.f32"],
              "embed": ["net.cfg", "net.weights", "list.txt", "faces/a/0.png"]}
    for verb, paths in inputs.items():
        for path in paths:
            refuses((*verbs(path)[verb], "-force"),
                    f"{path}: cannot write: it is an input of this command ({path})", path)
    refuses(verbs("soft.cfg")["init"] + ("-force",), "soft.cfg: cannot write: it is an input of "
            "this command (net.cfg)", "soft.cfg")
    refuses(verbs("hard.weights")["embed"] + ("-force",), "hard.weights: cannot write: it is an "
            "input of this command (net.weights)", "hard.weights")
    refuses(("embed", "net.cfg", "net.weights", "faces", "faces/a/1.png", "-force"),
            "faces/a/1.png: cannot write: it is an input of this command", "faces/a/1.png")
    for option in "-csv", None:
        out = ["new.cfg", "new.weights"] if option else ["new.cfg", "net.weights"]
        refuses(("compress", "low-rank", "net.cfg", "net.weights", "faces", *out, "-rank", "2",
                 "-force", *((option, "faces/a/2.png") if option else ())), "it is an input",
                "faces/a/2.png" if option else "net.weights")


def results_are_replaced_by_force():
    for verb in verbs(""):
        write("out", EARLIER)
        words = verbs("out")[verb]
        refuses(words, "out: exists; -force replaces it", "out")
        expect_end(darknet(*words, "-force"))
        forced = read("out")
        os.remove("out")
        expect_end(darknet(*words))
        expect(read("out") == forced, f"{verb}: -force writes something else")
        write("out", "")  # an empty file, as mktemp makes it
        expect_end(darknet(*words))
        expect(read("out") == forced, f"{verb}: an empty file is not filled")
        os.remove("out")


def only_weights_are_replaced_by_weights():
    text, picture = NET.encode(), read("faces/a/0.png")
    for verb in ("init", "pack", "unpack"):
        for old in (text, picture, b"DNXE" + bytes(40)):
            write("out", old)
            refuses((*verbs("out")[verb], "-force"),
                    "out: is not a weights file; choose another name", "out")
    os.remove("out")


def links_and_permissions_stay():
    os.mkdir("store")
    for verb in verbs(""):
        write("store/real", EARLIER)
        os.chmod("store/real", 0o600)
        os.symlink("store/real", "link")
        expect_end(darknet(*verbs("link")[verb], "-force"))
        expect(os.path.islink("link"), f"{verb}: the link became a file")
        expect(read("store/real") != EARLIER, f"{verb}: the link's target is old")
        mode = stat.S_IMODE(os.stat("store/real").st_mode)
        expect(mode == 0o600, f"{verb}: mode 600 became {mode:o}")
        os.remove("link")
        os.remove("store/real")


def users_own_files_stay():
    for verb in verbs(""):
        write("out.tmp", "mine")
        expect_end(darknet(*verbs("out")[verb]))
        expect(read("out.tmp") == b"mine", f"{verb}: out.tmp is gone")
        os.remove("out")
    os.remove("out.tmp")


def read_only_is_refused():
    for verb in verbs(""):
        write("out", "kept")
        os.chmod("out", 0o444)
        refuses((*verbs("out")[verb], "-force"), "out: cannot write: the file is read-only", "out")
        os.remove("out")
        os.mkdir("closed", 0o555)
        refuses(verbs("closed/out")[verb], "closed/out: cannot write: its folder is read-only",
                "closed/out")
        os.rmdir("closed")


def a_failure_keeps_what_was_there():
    write("out", EARLIER)
    write("odd.f32", b"\0" * (2 * 8 * 8 * 3 * 4 + 2))
    refuses(("classifier", "raw", "net.cfg", "net.weights", "odd.f32", "out", "-force"),
            "odd.f32: its length is not a multiple of 768 bytes: an image of 8 x 8 x 3 float32 "
            "numbers", "out")
    refuses(("classifier", "raw", "net.cfg", "net.weights", "faces", "out", "-force"),
            "faces: cannot read: Is a directory", "out")
    for verb in verbs(""):
        done = subprocess.run(["sh", "-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", DARKNET,
                               *verbs("out")[verb], "-force"], capture_output=True, text=True,
                              check=False)
        expect_end(done, 1, "out: cannot write: File too large")
        expect(read("out") == EARLIER, f"{verb}: a full disk took the earlier result")
    expect(not [n for n in os.listdir(".") if n.endswith(".tmp")], "temporary files are left")
    os.remove("out")


def outputs_are_tried_before_the_work():
    """Wrong outputs are refused before an image is read: the image in bad.txt does not exist, but
    the message is about the output."""
    write("bad.txt", "none.png\n")
    refuses(("embed", "net.cfg", "net.weights", "bad.txt", "nowhere/out"),
            "nowhere/out: cannot write: No such file or directory", "nowhere/out")
    refuses(("compress", "low-rank", "net.cfg", "net.weights", "bad.txt", "nowhere/a.cfg", "a.w",
             "-rank", "2"), "nowhere/a.cfg: cannot write: No such file or directory", "a.w")
    refuses(("compress", "low-rank", "net.cfg", "net.weights", "bad.txt", "a.cfg", "./a.cfg",
             "-rank", "2"), "./a.cfg: is named for two outputs", "a.cfg")
    refuses(("strip", "net.cfg", "net.weights", "a.cfg", "./a.cfg"),
            "./a.cfg: is named for two outputs", "a.cfg")


def raw_writes_into_a_pipe():
    expect_end(darknet(*verbs("out")["raw"]))
    done = subprocess.run([DARKNET, *verbs("/dev/stdout")["raw"]], capture_output=True, check=False)
    expect(done.returncode == 0 and done.stdout == read("out"), "raw into a pipe")
    expect_end(darknet(*verbs("/dev/full")["raw"]), 1, "/dev/full: cannot write: No space left")


def a_signal_leaves_nothing_behind():
    write("many.txt", "faces/a/0.png\n" * 400000)
    child = subprocess.Popen([DARKNET, "embed", "net.cfg", "net.weights", "many.txt", "stopped"],
                             stderr=subprocess.PIPE, text=True)
    for _ in range(200):
        time.sleep(.05)
        if [n for n in os.listdir(".") if n.startswith("stopped")]:
            break
    time.sleep(.3)
    child.send_signal(signal.SIGTERM)
    error = child.communicate()[1]
    expect(child.returncode == 1 and "stopped by SIGTERM" in error,
           f"status {child.returncode}: {error}")
    left = [n for n in os.listdir(".") if n.startswith("stopped")]
    expect(not left, f"left {left}")


def killed_with_images_skipped():
    """A kill never leaves the output beside the .skipped file of another run."""
    good, bad, states = read("faces/a/0.png"), b"no image", []
    command = ("embed", "net.cfg", "net.weights", "pair", "kill/twin", "-force", "-threads", "1")
    for at in (1, 2, 3):
        for one, other, fault in ((good, bad, None), (bad, good, at)):
            write("pair/1.png", one)
            write("pair/2.png", other)
            os.makedirs("kill", exist_ok=True)
            done = darknet(*command, env=fault and faults("/twin", fault, 1, -signal.SIGKILL,
                                                          "rename"))
        names = list(embeddings.read("kill/twin")[0])
        skipped = read("kill/twin.skipped").decode() if os.path.exists("kill/twin.skipped") else ""
        expect(not skipped or ("1.png" in names) != ("1.png" in skipped), f"{names} {skipped}")
        states.append((done.returncode, names, bool(skipped)))
        shutil.rmtree("kill")
    expect(states == [(-9, ["1.png"], False), (-9, ["2.png"], False), (1, ["2.png"], True)], states)


def main():
    attempt_all(make_inputs, killed_with_images_skipped, the_last_line_names_them,
                no_input_is_replaced,
                results_are_replaced_by_force, only_weights_are_replaced_by_weights,
                links_and_permissions_stay, users_own_files_stay, read_only_is_refused,
                a_failure_keeps_what_was_there, outputs_are_tried_before_the_work,
                raw_writes_into_a_pipe, a_signal_leaves_nothing_behind)
    summary()


main()
