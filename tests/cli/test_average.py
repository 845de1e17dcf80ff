"""Tests ema= of [net] in training: the saved weights are a moving average over all updates."""
import numpy as np

from common import attempt_all, expect, expect_end, read, summary, write
from small_run import CFG, data, make_inputs, refuses, train

EMA = .9


def begin():
    make_inputs()
    write("ema.cfg", CFG.replace("seed=3", f"seed=3\nema={EMA}"))


def floats(path):
    return np.frombuffer(read(path)[20:], np.float32).astype(np.float64)


def saves_the_average():
    plain = data("faces", "plain")
    expect_end(train(plain, "-batches", "1", "-name", "one"))
    average, count = None, 6
    for t in range(1, count + 1):
        more = ["-resume"] if t > 1 else []
        expect_end(train(plain, "-batches", str(t), "-name", "each", *more))
        w = floats("plain/each.weights")
        d = min(EMA, (1 + t) / (10 + t))
        if average is None:  # a training at rate 0 gives `start`: the weights before any update
            expect_end(train(data("faces", "zero"), "-batches", "1", cfg=write(
                "zero.cfg", CFG.replace("learning_rate=0.002", "learning_rate=0"))))
            start = floats("zero/zero.weights")
            average = start * d + (1 - d) * w
        else:
            average = average * d + (1 - d) * w
    expect_end(train(data("faces", "mean"), "-batches", str(count), cfg="ema.cfg"))
    got = floats("mean/ema.weights")
    # The training at rate 0 that gave `start` still changed the running means and variances of the
    # 8 filters' batch norm. So these 2 x 8 numbers may differ.
    off = np.abs(got - average)
    expect(np.median(off) < 1e-7 and (off > 1e-6).sum() <= 2 * 8, f"off by {off.max()}")
    expect(np.abs(got - floats("plain/each.weights")).max() > 1e-4,
           "these are the weights themselves")


def resumes():
    expect_end(train(data("faces", "whole"), "-batches", "40", cfg="ema.cfg"))
    for at in (1, 17, 39):
        file = data("faces", f"cut{at}")
        expect_end(train(file, "-batches", str(at), cfg="ema.cfg"))
        expect_end(train(file, "-batches", "40", "-resume", cfg="ema.cfg"))
        expect(read(f"cut{at}/ema.weights") == read("whole/ema.weights"), f"{at}: other weights")


def is_not_what_trains():
    """A training with ema= has the same losses as a training without it."""
    expect_end(train(data("faces", "without"), "-batches", "40"))
    losses = [[line.split(",")[2] for line in read(path).decode().split("\n")[1:-1]]
              for path in ("whole/ema.csv", "without/net.csv")]
    expect(losses[0] == losses[1] and len(losses[0]) == 40, "other losses")


def refuses_a_state_without_average():
    file = data("faces", "old")
    expect_end(train(file, "-batches", "5", "-name", "ema"))
    refuses(file, "[net] ema: was 0, is 0.9", cfg="ema.cfg", args=("-batches", "9", "-resume"))
    refuses(file, "ema.cfg:12: [net] ema=0.9: old/ema.state has no average of the weights: remove "
            "ema=, or begin a new run with the weights beside it", cfg="ema.cfg",
            args=("-batches", "9", "-resume", "-force"))


def diverges():
    write("wild.cfg", CFG.replace("seed=3", "seed=3\nema=.9").replace("=0.002", "=900"))
    file = data("faces", "wild")
    refuses(file, "NaN or infinity", cfg="wild.cfg", args=("-every", "1"))
    if b"" != (read("wild/wild.weights") if exists("wild/wild.weights") else b""):
        expect(np.isfinite(floats("wild/wild.weights")).all(), "saved what is not finite")


def exists(path):
    try:
        return bool(read(path))
    except OSError:
        return False


attempt_all(begin, saves_the_average, resumes, is_not_what_trains, refuses_a_state_without_average,
            diverges)
summary()
