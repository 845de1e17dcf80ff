"""Tests the inputs of darknet classifier train: -resume compares them, option by option."""
import math
import os
import shutil

from common import (attempt_all, column, darknet, expect, expect_end, needed, read, summary, write)
from small_run import CFG, NAMES, SHORT, data, make_run, refuses, train

with needed():
    import numpy as np
    from PIL import Image


def resume(cfg=CFG, folder="faces", args=(), **options):
    """Continues a copy of a/ to batch 40, with another cfg, data or arguments."""
    shutil.rmtree("b", ignore_errors=True)
    shutil.copytree("a", "b")
    write("other/net.cfg", cfg)
    if "-threads" not in args:
        args = ("-threads", "1", *args)
    return train(data(folder, "b", **options), "-resume", "-batches", "40", *args,
                 cfg="other/net.cfg")


# ---- -resume ----

CHANGES = [
    ("learning_rate=0.002", "learning_rate=0.004", "[net] learning_rate: was 0.002, is 0.004"),
    ("momentum=0.9", "momentum=0.8", "[net] momentum: was 0.9, is 0.8"),
    ("seed=3", "seed=3\ndecay=0.01", "[net] decay: was 0.0001, is 0.01"),
    ("subdivisions=2", "subdivisions=3", "[net] subdivisions: was 2, is 3"),
    ("batch=12", "batch=6", "[net] batch: was 12, is 6"),
    ("seed=3", "seed=3\nflip=0", "[net] flip: was 1, is 0"),
    ("seed=3", "seed=3\ninput_mean=127.5", "[net] input_mean: was 0, is 127.5"),
    ("seed=3", "seed=3\ninput_scale=0.01", "[net] input_scale: was 0.003921569, is 0.01"),
    ("seed=3", "seed=3\nburn_in=30", "[net] burn_in: was 0, is 30"),
    ("policy=constant", "policy=steps\nsteps=9,30\nscales=.1,.1",
     "[net] policy: was constant, is steps"),
    ("activation=leaky", "activation=relu",
     "layer 0 [convolutional] activation: was leaky, is relu"),
    ("probability=.1", "probability=.2", "layer 1 [dropout] probability: was 0.1, is 0.2"),
    ("output=3\n", "output=3\nlearning_rate=2\n", "layer 2 [connected] learning_rate: was 1, is 2"),
    ("[softmax]", "[softmax]\ntemperature=2", "layer 3 [softmax] temperature: was 1, is 2"),
    ("[softmax]", "[cost]", "layer 3: was softmax, is cost"),
]


def every_option_counts():
    for old, new, text in CHANGES:
        cfg = CFG.replace(old, new)
        expect(cfg != CFG, old)
        done = resume(cfg)
        expect_end(done, 1, f"  {text}\n", "b/net.state: is of a run with other inputs: ",
                   "-force continues nevertheless")
        expect(read("b/net.state") == read("a/net.state"), f"{text}: wrote a checkpoint")


def all_differences_are_listed():
    done = resume(CFG.replace("momentum=0.9", "momentum=0.5").replace("filters=8", "filters=9"))
    expect_end(done, 1, "  [net] momentum: was 0.9, is 0.5\n",
               "  layer 0 [convolutional] filters: was 8, is 9\n", ", and more;")


def force_goes_on():
    cfg = CFG.replace("learning_rate=0.002", "learning_rate=0.004")
    expect_end(resume(cfg, args=["-force"]), 0, "[net] learning_rate: was 0.002, is 0.004")
    rates = column("b/net.csv", "rate")
    expect(len(rates) == 40 and rates[19:21] == [.002, .004], f"rates {rates[19:21]}")
    expect_end(resume(CFG.replace("filters=8", "filters=9"), args=["-force"]), 1,
               "is of another network")


def meaning_counts_not_text():
    cfg = ("# a comment\n" + CFG.replace("=", " = ").replace("max_batches = 60", "max_batches=900")
           .replace("seed = 3", "decay=0.0001 ; the default\nflip=1\nseed=3"))
    shutil.copytree("faces", "elsewhere")
    done = resume(cfg, "elsewhere")
    expect_end(done, 0, "(remark) [data] train: was faces, is elsewhere")
    expect(read("b/net.weights") == read("whole/net.weights"), "weights differ")


def threads_are_a_remark():
    write("other/net.cfg", CFG.replace("batch=12", "batch=24").replace("subdivisions=2", ""))
    expect_end(train(data("faces", "c"), "-batches", "1", "-threads", "1", cfg="other/net.cfg"))
    expect("-threads=1\n" in read("c/net.run").decode(), read("c/net.run").decode())
    expect_end(train(data("faces", "none"), "-resume"), 1, "none/net.state: -resume: there is no "
               "run of this name; -name and -out choose the run")
    done = resume(args=["-threads", "2"])
    expect_end(done, 0, "(remark) -threads: was 1, is 2")


def times_are_a_remark():
    done = resume(args=["-every", "7"])
    expect_end(done, 0, "(remark) -every: was 500, is 7")
    expect("-verify" not in done.stderr, done.stderr)


def data_counts():
    """-resume refuses an exchanged image, and a missing class, which renumbers other classes."""
    shutil.copytree("faces", "new")
    shutil.copy("new/ann/00.jpg", "new/bob/19.jpg")
    expect_end(resume(folder="new"), 1, "  [data] content: was ")
    os.rename("new/bob", "new/.bob")
    expect_end(resume(folder="new"), 1, "  [data] images: was 60, is 40\n",
               "  class 1: was bob, is cid\n")
    expect(read("a/net.names") == b"ann\nbob\ncid\n", "names of the classes")
    expect_end(train(data("faces/", "slash"), "-batches", "1"))
    expect(read("slash/net.names") == read("a/net.names"), "names of a folder with / at its end")


def every_byte_of_an_image_counts():
    """-resume notices a changed pixel, though size and time of the file stay the same."""
    for i, name in enumerate(NAMES):
        os.makedirs(f"large/{name}")
        for k in range(20):
            Image.new("RGB", (64, 64), (40 * i, 9 * k, 90)).save(f"large/{name}/{k:02}.bmp")
    file = data("large", "large_run")
    expect_end(train(file, *SHORT))
    path, pixels = "large/bob/07.bmp", bytearray(read("large/bob/07.bmp"))
    times = os.stat(path)
    pixels[-5000] ^= 255
    write(path, bytes(pixels))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    expect_end(train(file, "-resume", "-batches", "30", "-threads", "1"), 1,
               "  [data] content: was ")


def old_checkpoints():
    shutil.copytree("a", "older")
    state = bytearray(read("a/net.state"))
    state[8] = 2
    write("older/net.state", bytes(state))
    expect_end(train(data("faces", "older"), "-resume", "-batches", "40"), 1,
               "older/net.state: is of an older version of this program; start from the weights "
               "beside it")


def teachers_count():
    write("kd.cfg", CFG + "[kd_feature]\nteacher=net.cfg\nweights=teacher.weights\n")
    expect_end(darknet("init", "net.cfg", "teacher.weights"))
    file = data("faces", "kd")
    expect_end(train(file, *SHORT, cfg="kd.cfg"))
    args = ("-resume", "-batches", "40", "-threads", "1")
    refuses(file, "  -cache: was no, is yes\n", cfg="kd.cfg", args=[*args, "-cache", "cache"])
    shutil.copy("a/net.weights", "teacher.weights")
    refuses(file, "  teacher 0 weights: was ", cfg="kd.cfg", args=args)


# ---- scores, learning rates, accuracy ----

def best_keeps_its_score():
    lines = [f"ann\t{k}\t{k + 4}\n" for k in (1, 2)] + [f"ann\t{k}\tbob\t{k}\n" for k in (1, 2)]
    write("pairs.txt", "2\n" + "".join(lines))
    for name in NAMES[:2]:
        for i in range(1, 7):
            write(f"lfw/{name}/{name}_{i:04}.jpg", read(f"faces/{name}/{4 * (i % 4) + 1:02}.jpg"))
    file = data("faces", "best")
    pairs = ("-pairs", "pairs.txt", "-faces", "lfw", "-verify", "10", "-threads", "1")
    done = train(file, *pairs, "-batches", "20")
    expect_end(done)
    expect("chosen as the best on these very pairs: expect less on others" in done.stdout,
           done.stdout)
    note, weights = read("best/net-best.txt").decode(), read("best/net-best.weights")
    score = float(note.split("accuracy=")[1].split()[0])
    expect("pairs=" in note and "weights=" in note and "batch=" in note, note)
    write("best/net-best.txt", note.replace(f"accuracy={score:.9g}", "accuracy=2"))
    done = train(file, *pairs, "-resume", "-batches", "30")
    expect_end(done)
    expect("the best so far" not in done.stdout and read("best/net-best.weights") == weights,
           "a worse network replaced it")
    os.remove("best/net-best.txt")
    done = train(file, *pairs, "-resume", "-batches", "40")
    expect_end(done)
    expect(f"net-best.weights: verified again, {100 * score:.2f} % of the pairs are right"
           in done.stdout, done.stdout)
    write("best/net-best.weights", weights[:100])
    expect_end(train(file, *pairs, "-resume", "-batches", "50"), 0,
               "the next verification replaces it")
    expect(len(read("best/net-best.weights")) == len(weights), "it did not replace it")


# ---- the log ----

def rates_are_those_of_the_policy():
    """Learning rates are the same after -resume; policy=random depends on the seed."""
    for policy in ("policy=random\npower=2", "policy=sigmoid\ngamma=.5\nstep=12"):
        write("rate.cfg", CFG.replace("policy=constant", policy))
        args = ("-threads", "1", "-force")
        for name, batches in (("r1", "20"), ("r2", "8"), ("r3", "20")):
            seed = ("-seed", "7") if name == "r3" else ()
            expect_end(train(data("faces", name), "-batches", batches, *args, *seed,
                             cfg="rate.cfg"))
        expect_end(train("r2.data", "-batches", "20", "-resume", *args, cfg="rate.cfg"))
        rates = [column(f"{name}/rate.csv", "rate") for name in ("r1", "r2", "r3")]
        expect(rates[0] == rates[1], "a resume changes the rates")
        expect(read("r1/rate.weights") == read("r2/rate.weights"), "weights differ")
        if "random" in policy:
            expect(rates[0] != rates[2], "-seed has no effect")
            expect(all(0 <= r < .002 for r in rates[0]), f"{rates[0]}")
        else:
            want = [.002 / (1 + math.exp(.5 * (i - 12))) for i in range(1, 21)]
            expect(np.allclose(rates[0], want, rtol=1e-5), f"{rates[0]}")


def accuracy_of_a_map():
    """[softmax] over a C x H x W map: each value of the map is a class. Class numbers follow the
    order C, H, W, with W fastest."""
    rng = np.random.default_rng(2)
    for c in range(3):
        for i in range(8):
            pixels = np.zeros((16, 48, 3), np.uint8)
            pixels[:, 16 * c:16 * c + 16] = 200
            pixels = np.clip(pixels + rng.normal(0, 9, pixels.shape), 0, 255).astype(np.uint8)
            os.makedirs(f"map/{c}", exist_ok=True)
            Image.fromarray(pixels).save(f"map/{c}/{i}.png")
    write("map.cfg", """[net]
batch=12
height=16
width=48
channels=3
max_batches=60
learning_rate=0.02
flip=0
[convolutional]
filters=2
size=16
stride=16
activation=linear
[softmax]
""")
    expect_end(train(data("map", "maps"), cfg="map.cfg"))
    last = column("maps/map.csv", "loss")[-1], column("maps/map.csv", "accuracy")[-1]
    expect(last[0] < .2 and last[1] > .95, f"loss, accuracy: {last}")


attempt_all(make_run, every_option_counts, all_differences_are_listed, force_goes_on,
            meaning_counts_not_text, threads_are_a_remark, times_are_a_remark, data_counts,
            every_byte_of_an_image_counts, old_checkpoints, teachers_count, best_keeps_its_score,
            rates_are_those_of_the_policy, accuracy_of_a_map)
summary()
