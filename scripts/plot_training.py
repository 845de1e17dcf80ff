#!/usr/bin/python3
"""plot_training.py log.csv out.png: loss and learning rate of a training run, from its CSV log."""
import csv
import sys


def read(path):
    """{column: list of floats} of the log."""
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    if not rows:
        raise ValueError("holds no batches yet")
    try:
        return {k: [float(r[k]) for r in rows] for k in ("batch", "loss", "rate")}
    except (KeyError, TypeError, ValueError) as e:
        raise ValueError(f"is no training log: {e}") from e


def smooth(values, share=0.05):
    """Exponential mean, without the pull to 0 at the start."""
    out, total, weight = [], 0.0, 0.0
    for v in values:
        total = (1 - share) * total + share * v
        weight = (1 - share) * weight + share
        out.append(total / weight)
    return out


def main():
    if len(sys.argv) != 3:
        print("usage: plot_training.py log.csv out.png", file=sys.stderr)
        return 2
    try:
        log = read(sys.argv[1])
    except (OSError, ValueError) as e:
        print(f"{sys.argv[1]}: {e}", file=sys.stderr)
        return 1
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(8, 6), height_ratios=(3, 1))
    top.plot(log["batch"], log["loss"], color="lightgrey", label="each batch")
    top.plot(log["batch"], smooth(log["loss"]), label="smoothed")
    top.set_ylabel("loss per image")
    top.set_ylim(bottom=0)
    top.legend()
    bottom.plot(log["batch"], log["rate"])
    bottom.set_ylabel("learning rate")
    bottom.set_xlabel("batch")
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
