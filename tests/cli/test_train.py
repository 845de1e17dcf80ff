"""Tests darknet classifier train: it learns, and gives the same bits after a kill and -resume."""
import os
import random
import shutil
import signal
import subprocess
import time

from common import (DARKNET, Skipped, attempt_all, column, expect, expect_end, has, needed, read,
                    run, script, summary, write)
from small_run import CFG, data, listing, make_inputs, refuses, start, train

with needed():
    import numpy as np
    from PIL import Image


def learns():
    expect_end(train(data("faces", "learns")))
    loss = column("learns/net.csv", "loss")
    expect(len(loss) == 60, f"{len(loss)} lines in the log")
    last = sum(loss[-5:]) / 5
    expect(last < loss[0] / 2, f"loss {loss[0]:.3f} fell only to {last:.3f}")
    expect(os.path.exists("learns/net.state"), "no checkpoint")


def floats(path):
    return np.frombuffer(read(path)[20:], np.float32)


def threads_change_little():
    """Each thread sums its own weight gradients: rounding depends on the number of threads."""
    for threads in (1, 2):
        expect_end(train(data("faces", f"t{threads}"), "-batches", "5", threads=threads))
    worst = np.abs(floats("t1/net.weights") - floats("t2/net.weights")).max()
    expect(worst < 1e-5, f"weights differ by {worst}")


def seed_counts():
    expect_end(train(data("faces", "seed"), "-seed", "4"))
    expect(read("seed/net.weights") != read("learns/net.weights"), "same weights")


def interrupted(how):
    """Ends a run with the signal `how` after its first checkpoint, and resumes it."""
    name = f"cut{int(how)}"
    file = data("faces", name)
    args = ["-batches", "300", "-every", "50"]
    run = start(file, *args)
    deadline = time.time() + 20
    while not os.path.exists(f"{name}/net.state") and time.time() < deadline:
        time.sleep(.002)
    time.sleep(.02)
    run.send_signal(how)
    status = run.wait()
    expect(status == (-how if how == signal.SIGKILL else 1), f"exit status {status}")
    expect_end(train(file, "-resume", *args))
    expect(read(f"{name}/net.weights") == read("whole/net.weights"), "weights differ")
    lines = read(f"{name}/net.csv").decode().split("\n")
    expect([r.split(",")[0] for r in lines[1:-1]] == [str(i + 1) for i in range(300)],
           "the log has gaps or doubles")


KILLS = int(os.environ.get("KILLS", "20"))


def whole():
    expect_end(train(data("faces", "whole"), "-batches", "300", "-every", "50"))


def killed_often():
    """Stops runs KILLS times at random moments. Each start continues from the last checkpoint."""
    chance = random.Random(1)
    name, kills, runs = "often", 0, 0
    while kills < KILLS:
        runs += 1
        shutil.rmtree(name, ignore_errors=True)
        file, args = data("faces", name), ["-batches", "300", "-every", "3"]
        run, first, stopped = None, True, False
        while first or stopped:
            saved = os.path.exists(f"{name}/net.state")
            with open("said", "w", encoding="utf-8") as said:
                run = start(file, *args, *(["-resume"] if saved else []), stderr=said)
            first = stopped = False
            try:
                run.wait(chance.uniform(0, .12) if kills < KILLS else 60)
            except subprocess.TimeoutExpired:
                run.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM)))
                stopped = run.wait(60) != 0
                kills += stopped
            expect(os.path.exists(f"{name}/net.state") >= saved, "a checkpoint is lost")
        # After a kill that follows the last checkpoint, -resume fails: the run is complete.
        said = read("said").decode()
        expect(run.returncode == 0 or "has trained 300 batches" in said,
               f"exit status {run.returncode} after {kills} kills: {said}")
        expect(read(f"{name}/net.weights") == read("whole/net.weights"), "weights differ")
    expect(runs < KILLS, f"{runs} runs for {kills} kills")


FULL = """mount -t tmpfs -o size=300k none full || exit 77
cp whole/net.* full/
head -c 1000000 /dev/zero > full/rest 2> /dev/null
"$@"
status=$?
cmp whole/net.weights full/net.weights && cmp whole/net.state full/net.state || exit 78
[ ! -e full/net.weights.tmp ] && [ ! -e full/net.state.tmp ] || exit 79
exit $status"""


def full_disk():
    """Trains on a full disk, which is mounted for this process only."""
    if not shutil.which("unshare"):
        raise Skipped("there is no unshare")
    file = data("faces", "full")
    os.mkdir("full")
    done = run("unshare", "-rm", "sh", "-c", FULL, "sh", DARKNET, "classifier", "train", file,
               "net.cfg", "-resume", "-batches", "400", "-every", "10", timeout=60)
    if done.returncode == 77 or "unshare" in done.stderr:
        raise Skipped("cannot mount here")
    expect_end(done, 1, "No space left on device")


def refuses_state():
    file = data("faces", "learns")
    refuses(file, "[net] seed: was 3, is 9", args=("-resume", "-seed", "9"))
    refuses(file, "-resume takes neither", args=("-resume", "-clear"), status=2)
    good = read("learns/net.state")
    for bad, text in ((good[:-9], "is damaged or cut short"), (good[:20], "too short"),
                      (good[:-100] + b"x" + good[-99:], "is damaged"),
                      (b"y" + good[1:], "not a state file")):
        write("learns/net.state", bad)
        refuses(file, text, args=("-resume",))
    write("other.txt", "".join(listing()[:-1]))
    write("other/net.state", good)
    refuses(data("other.txt", "other"), "[data] images: was 60, is 59", args=("-resume",))


def few_broken():
    """Two broken images are found before training, a third during training. Another image takes the
    place of the third."""
    write("empty.jpg", "")
    write("short.jpg", read("faces/ann/00.jpg")[:300])
    lines = listing() * 5
    write("few.txt", "".join(lines) + "missing.jpg 0\nempty.jpg 1\nshort.jpg 2\n")
    done = train(data("few.txt", "few"))
    expect_end(done, 0, "missing.jpg: skipped: No such file", "empty.jpg: skipped: is empty",
               "short.jpg: skipped: cannot be decoded")
    expect("301 images, 2 broken" in done.stdout, done.stdout)


def many_broken():
    write("many.txt", "".join(listing()) + "missing.jpg 0\nempty.jpg 1\n")
    refuses(data("many.txt", "many"), "many.txt: 2 of 62 images are broken or missing")
    write("short.txt", "".join(listing()) + "short.jpg 0\n")
    refuses(data("short.txt", "short"), "short.jpg: skipped", "cannot be read or decoded")
    Image.new("L", (16, 16)).save("gif.jpg", "GIF")
    write("gif.txt", "".join(listing()) + "gif.jpg 0\n")
    refuses(data("gif.txt", "gif"),
            "gif.jpg: skipped: is a GIF image; JPEG, PNG, BMP and PNM are read")


def bad_lists():
    write("high.txt", "".join(listing()) + "faces/ann/00.jpg 3\n")
    refuses(data("high.txt", "high"), "high.txt:61: class 3: must be from 0 to 2")
    write("plain.txt", "faces/ann/00.jpg\nfaces/bob/00.jpg\n")
    refuses(data("plain.txt", "plain"), "plain.txt:1: faces/ann/00.jpg: has no class")
    write("labels.txt", "ann\nbob\nbo\n")
    refuses(data("plain.txt", "plain", labels="labels.txt"),
            "plain.txt:2: faces/bob/00.jpg: contains two labels, 'bob' and 'bo'")
    write("none.txt", "\n")
    refuses(data("none.txt", "none"), "none.txt: lists no images")
    refuses(data("faces", "two", classes=2), "classes=2: faces has more identity folders")
    refuses(data("faces", "four", classes=4),
            "[softmax] has 3 classes, but four.data has 4")


def labels_in_paths():
    write("labels.txt", "ann\nbob\ncid\n")
    write("paths.txt", "".join(line.split()[0] + "\n" for line in listing()))
    expect_end(train(data("paths.txt", "paths", labels="labels.txt")))
    expect(read("paths/net.weights") == read("learns/net.weights"), "weights differ")


def bad_data_files():
    refuses(data("faces", "zero", classes=0),
            "[softmax] learns from classes, but zero.data has none")
    refuses(data("faces", "odd", tree="x"), "odd.data:4: [data] tree=x: no such option")
    refuses(data("absent", "absent"), "absent: cannot read")
    refuses("nowhere.data", "nowhere.data: cannot read")
    refuses("nowhere.data", "usage:", args=("a", "b", "c"), status=2)


def infinite_loss():
    write("wild.cfg", CFG.replace("learning_rate=0.002", "learning_rate=900")
          .replace("batch_normalize=1\n", "").replace("momentum=0.9", "momentum=0.99")
          .replace("filters=8", "filters=8\nlearning_rate=1000000")
          .replace("output=3", "output=3\nlearning_rate=1000000"))
    refuses(data("faces", "wild"), "NaN or infinity in", "layer", cfg="wild.cfg",
            args=("-batches", "2000"))
    expect(not os.path.exists("wild/wild.weights"), "bad weights were saved")


def plots():
    if not has("matplotlib"):
        raise Skipped("matplotlib is not installed")
    expect_end(script("plot_training.py", "learns/net.csv", "out.png"))
    expect(read("out.png")[1:4] == b"PNG", "out.png is no PNG")


def kill_9():
    interrupted(signal.SIGKILL)


def sigterm():
    interrupted(signal.SIGTERM)


attempt_all(make_inputs, learns, threads_change_little, seed_counts, whole, kill_9, sigterm,
            killed_often, full_disk, few_broken, many_broken, bad_lists, labels_in_paths,
            bad_data_files, refuses_state, infinite_loss, plots)
summary()
