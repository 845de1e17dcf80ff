#!/usr/bin/python3
"""plot_training.py log.csv out.png: losses, accuracy, pairs verified and learning rate of a
training run, from its CSV log (darknet/train/log.h tells the columns)."""
import csv
import math
import sys


def read(path):
    """{column: list of floats} of the log; an empty cell is NaN."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    if not rows:
        raise ValueError("holds no batches yet")
    try:
        log = {k: [float(r[k]) if r[k] else math.nan for r in rows] for k in rows[0]}
    except (TypeError, ValueError) as e:
        raise ValueError(f"is no training log: {e}") from e
    missing = [k for k in ("batch", "loss", "rate") if k not in log]
    if missing:
        raise ValueError(f"is no training log: has no column {missing[0]}")
    return log


def smooth(values, share=0.05):
    """Exponential mean, without the pull to 0 at the start; NaN stays out of it."""
    out, total, weight = [], 0.0, 0.0
    for v in values:
        if not math.isnan(v):
            total = (1 - share) * total + share * v
            weight = (1 - share) * weight + share
        out.append(total / weight if weight else math.nan)
    return out


def known(log, column):
    """(batches, values) where the column has a value."""
    both = [(b, v) for b, v in zip(log["batch"], log.get(column, [])) if not math.isnan(v)]
    return [b for b, _ in both], [v for _, v in both]


def draw(log, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    losses = [k for k in log if k.rsplit("_", 1)[-1].isdigit()]
    panels = ["loss", "rate"]
    if known(log, "accuracy")[0] or known(log, "lfw")[0]:
        panels.insert(1, "accuracy")
    heights = {"loss": 3, "accuracy": 2, "rate": 1}
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=(8, 2 + 1.5 * len(panels)),
                                height_ratios=[heights[p] for p in panels], squeeze=False)
    for axis, panel in zip(axes[:, 0], panels):
        if panel == "loss":
            axis.plot(log["batch"], log["loss"], color="lightgrey", label="each batch")
            axis.plot(log["batch"], smooth(log["loss"]), label="loss, smoothed")
            for k in losses if len(losses) > 1 else []:
                axis.plot(log["batch"], smooth(log[k]), linewidth=1, label=k.rsplit("_", 1)[0])
            axis.set_ylabel("loss per image")
            axis.set_ylim(bottom=0)
            axis.legend()
        elif panel == "accuracy":
            batches, right = known(log, "accuracy")
            if batches:
                axis.plot(batches, [100 * v for v in smooth(right)], label="training images")
            batches, right = known(log, "lfw")
            if batches:
                axis.plot(batches, [100 * v for v in right], "o-", label="pairs")
            axis.set_ylabel("right, %")
            axis.set_ylim(top=100)
            axis.legend()
        else:
            axis.plot(log["batch"], log["rate"])
            axis.set_ylabel("rate")
            axis.set_xlabel("batch")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    if len(sys.argv) != 3:
        print("usage: plot_training.py log.csv out.png", file=sys.stderr)
        return 2
    try:
        draw(read(sys.argv[1]), sys.argv[2])
    except (OSError, ValueError) as e:
        print(f"{sys.argv[1]}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
