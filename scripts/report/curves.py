"""Draws curves of training from the CSV logs that `darknet classifier train` writes."""
import csv
import math
import os

from lib.errors import Failure
from lib.text import read_lines

COLOURS = [f"C{i}" for i in range(10)]  # matplotlib's names for the colours of report.pictures


def read(path):
    """Returns a log as {column: list of floats}. An empty cell is NaN. An incomplete last line is
    left out. The column "lfw" of older logs becomes "pairs"."""
    lines = read_lines(path)
    rows = list(csv.DictReader(lines))
    if rows and None in rows[-1].values() and len(rows) > 1:
        rows.pop()
    if not rows:
        raise Failure(f"{path}: holds no batches yet" if lines else f"{path}: is empty")
    try:
        log = {"pairs" if k == "lfw" else k: [float(r[k]) if r[k] else math.nan for r in rows]
               for k in rows[0]}
    except (TypeError, ValueError) as e:
        raise Failure(f"{path}: is not a training log: {e}") from e
    missing = [k for k in ("batch", "loss", "rate") if k not in log]
    if missing:
        raise Failure(f"{path}: is not a training log: has no column {missing[0]}")
    return log


def smooth(values, share=.02):
    """Returns for each point the mean over a symmetric window; NaN values do not count. share: half
    of the window, as a share of all points."""
    reach = max(1, int(share * len(values)))
    sums, counts = [0.], [0]
    for v in values:
        known = not math.isnan(v)
        sums.append(sums[-1] + (v if known else 0))
        counts.append(counts[-1] + known)
    out = []
    for i in range(len(values)):
        r = min(reach, i, len(values) - 1 - i)
        n = counts[i + r + 1] - counts[i - r]
        out.append((sums[i + r + 1] - sums[i - r]) / n if n else math.nan)
    return out


def known(log, column):
    """Returns (batches, values) for the batches in which the column has a value."""
    both = [(b, v) for b, v in zip(log["batch"], log.get(column, [])) if not math.isnan(v)]
    return [b for b, _ in both], [v for _, v in both]


def verification(log):
    """Returns the name of the column with the verification result: "tar@..." or "rank-1" when the
    training had -judge, else "pairs"."""
    return next((c for c in log if c == "rank-1" or c.startswith("tar@")), "pairs")


def losses_of(log):
    return [k for k in log if k.rsplit("_", 1)[-1].isdigit()]


def draw_loss(axis, log, colour, label, parts):
    """Draws the smoothed loss. parts: True also draws the loss of each batch, and the smoothed
    value of each loss of the network."""
    if parts:
        axis.plot(log["batch"], log["loss"], color="lightgrey", lw=.8, label="each batch")
    axis.plot(log["batch"], smooth(log["loss"]), color=colour, label=label)
    names = losses_of(log)
    for k in names if parts and len(names) > 1 else []:
        axis.plot(log["batch"], smooth(log[k]), lw=1, label=k.rsplit("_", 1)[0])
    axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))


def names_of(paths):
    """Returns short names of logs: the parts in which their paths differ."""
    whole = [os.path.splitext(os.path.abspath(p))[0].split("/") for p in paths]
    at = 0
    while len(paths) > 1 and len({tuple(w[at:at + 1]) for w in whole}) == 1:
        at += 1
    short = [w[at:] if len(paths) > 1 else w[-2:] for w in whole]
    while len(paths) > 1 and len({w[-1] for w in short}) == 1 and all(len(w) > 1 for w in short):
        short = [w[:-1] for w in short]
    return ["/".join(w) for w in short]
