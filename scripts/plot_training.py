#!/usr/bin/python3
"""plot_training.py log.csv [log.csv ...] out.png: draws the losses, accuracy, verification and
learning rate of training runs, from their CSV logs (darknet/train/log.h describes the columns)."""
import sys

from lib.arguments import command_line
from lib.errors import run_main
from report import curves
from report.pictures import picture

HEIGHTS = {"loss": 3, "accuracy": 2, "rate": 1}


def draw_accuracy(axis, log, colour, name):
    batches, right = curves.known(log, "accuracy")
    if batches:
        axis.plot(batches, [100 * v for v in curves.smooth(right)], color=colour,
                  label=name + "training images")
    column = curves.verification(log)
    batches, right = curves.known(log, column)
    if batches:
        axis.plot(batches, [100 * v for v in right], "o-", color=colour,
                  label=name + column)


def draw(paths, out):
    logs, names = [curves.read(p) for p in paths], curves.names_of(paths)
    panels = ["loss", "rate"]
    if any(curves.known(log, c)[0] for log in logs for c in ("accuracy", curves.verification(log))):
        panels.insert(1, "accuracy")
    with picture(out, 120, len(panels), sharex=True, figsize=(8, 2.3 + 1.5 * len(panels)),
                 gridspec_kw={"height_ratios": [HEIGHTS[p] for p in panels]}) as (figure, axes):
        by = dict(zip(panels, axes[:, 0]))
        for i, (log, name) in enumerate(zip(logs, names)):
            colour = curves.COLOURS[i % len(curves.COLOURS)]
            alone = len(logs) == 1
            curves.draw_loss(by["loss"], log, colour, "loss, smoothed" if alone else name, alone)
            if "accuracy" in by:
                draw_accuracy(by["accuracy"], log, colour, "" if alone else name + ": ")
            by["rate"].plot(log["batch"], log["rate"], color=colour)
        by["loss"].set_ylabel("loss per image")
        by["loss"].legend(fontsize=8)
        if "accuracy" in by:
            by["accuracy"].set(ylabel="right, %")
            by["accuracy"].set_ylim(top=100)
            by["accuracy"].legend(fontsize=8)
        by["rate"].set(ylabel="rate", xlabel="batch")
        figure.suptitle(names[0] if len(logs) == 1 else f"{len(logs)} runs; losses of different "
                        "kinds cannot be compared", fontsize=10)
        figure.tight_layout()


def main():
    parser = command_line(__doc__)
    parser.add_argument("logs", nargs="+", metavar="log.csv")
    parser.add_argument("out", metavar="out.png", help="a .png, .pdf or .svg file")
    args = parser.parse_args()
    return run_main(draw, args.logs, args.out)


if __name__ == "__main__":
    sys.exit(main())
