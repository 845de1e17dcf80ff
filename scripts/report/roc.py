"""The pictures of a verification: ROC with the scores, and the pairs with the largest errors."""
import contextlib
import os

import numpy as np

from lib.metrics import percent, roc
from lib.pictures import read_rgb
from report.confused import most_confused
from report.pictures import picture


def draw_roc(path, result, title, other=None):
    """Draws the ROC curve and the histograms of scores. result: as verification.verify() returns
    it; other: a second result to compare with, or None."""
    scores, same = np.array(result["scores"]), np.array(result["same"], bool)
    with picture(path, 110, 1, 2, figsize=(11, 4.8)) as (figure, axes):
        left, right = axes[0]
        floor, bottom = .5 / max(1, (~same).sum()), 1.
        for r, label in ((result, "this network"), (other, "the other")):
            if r is None:
                continue
            far, tar = roc(np.array(r["scores"]), np.array(r["same"], bool))
            left.step(np.maximum(far, floor), tar, where="post", label=label)
            bottom = min(bottom, tar[far > 0].min())
        left.set(xscale="log", xlim=(floor, 1), ylim=(bottom - .05 * (1.01 - bottom), 1.001),
                 xlabel="false accept rate", ylabel="true accept rate",
                 title=f"ROC: AUC {result['auc']:.5f}, EER {result['eer']:.4f}")
        left.axvspan(floor, min(1, 10 / max(1, (~same).sum())), alpha=.12, color="grey",
                     label="fewer than 10 false accepts")
        left.grid(alpha=.3)
        left.legend(fontsize=8)
        edges = np.linspace(scores.min(), scores.max() + 1e-9, 61)
        right.hist(scores[same], edges, alpha=.6, label=f"{same.sum()} pairs of one person")
        right.hist(scores[~same], edges, alpha=.6, label=f"{(~same).sum()} of two people")
        fitted = result["threshold_fitted_on"]
        right.axvline(np.mean(result["thresholds"]), color="black", lw=1,
                      label=f"mean threshold, fitted on {fitted}")
        for style, (far, t) in zip(("--", "-.", ":"), result["threshold_at_far"].items()):
            if t is not None:
                right.axvline(t, color="black", lw=1, ls=style, label=f"threshold at FAR {far}")
        right.set(xlabel="cosine", ylabel="pairs",
                  title=f"accuracy {percent(result['accuracy'])} %, standard error "
                        f"{percent(result['standard_error'])}")
        right.legend(fontsize=8)
        figure.suptitle(title, fontsize=9)
        figure.tight_layout()


def draw_worst(path, folder, found, pairs, result, title, each=10):
    """Draws the worst pairs: false accepts by falling score, then false rejects by rising score."""
    scores = result["scores"]
    accepts, rejects = most_confused(result, each)
    rows = max(len(accepts), len(rejects), 1)
    with picture(path, 90, rows, 4, figsize=(9, 2.1 * rows + .8)) as (figure, axes):
        for a in axes.flat:
            a.axis("off")
        for column, chosen in ((0, accepts), (2, rejects)):
            for row, i in enumerate(chosen):
                for k in (0, 1):
                    a, name = axes[row][column + k], pairs[i][k]
                    draw_face(a, os.path.join(folder, found[name]), printable(name.split("/")[-1]))
                axes[row][column].text(1.05, -.06, f"{scores[i]:.3f}", fontsize=7, ha="center",
                                       transform=axes[row][column].transAxes)
        figure.suptitle(f"worst false accepts ({len(accepts)}, left), false rejects "
                        f"({len(rejects)})\n{title}", fontsize=9)
        figure.tight_layout(rect=(0, 0, 1, 1 - .4 / figure.get_figheight()))


def draw_face(axis, path, title):
    """Draws an image and its title; only the title when Pillow cannot read the image."""
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        axis.imshow(read_rgb(path))
    axis.set_title(title, fontsize=6)


def printable(text):
    """Returns the text with each "$" escaped, because matplotlib begins a formula at a "$"."""
    return text.encode(errors="replace").decode().replace("$", r"\$")
