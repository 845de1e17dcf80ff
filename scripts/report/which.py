"""The table and the picture of which_network.py. A row is a dict: name, parameters, macs, bytes, ms
(a number for each turn), lfw and cfp ({accuracy, standard_error, right}), seconds, paper (accuracy
on LFW in percent in Table 2 of MobileFaceNet, or None)."""
import statistics

from lib.files import write
from lib.metrics import mcnemar, p_text, percent
from lib.text import markdown
from report.pictures import picture

COLUMNS = ("network", "parameters", "multiply-adds", "bytes", "ms, one face", "LFW, %", "CFP-FP, %",
           "training, s", "Table 2, %")
GAP, GDCONV = "mobilenet-v2-face", "mobilenet-v2-face-gdconv"
PLACES = ((8, 6, "left"), (-8, 6, "right"), (8, -12, "left"), (-8, -12, "right"), (0, 14, "center"),
          (0, -20, "center"), (14, 22, "left"), (-14, 22, "right"), (14, -28, "left"),
          (-14, -28, "right"))  # offsets of a name from its mark, in points; names() chooses one


def ms_of(row):
    return statistics.median(row["ms"]) if row["ms"] else None


def accuracy(row, key):
    got = row.get(key)
    if not got:
        return "-"
    error = "" if got["standard_error"] is None else f" ({percent(got['standard_error'])})"
    return percent(got["accuracy"]) + error


def cells(row):
    ms = ms_of(row)
    return (row["name"], f"{row['parameters']:,}", f"{row['macs'] / 1e6:.0f} M",
            f"{row['bytes']:,}", "-" if ms is None else f"{ms:.2f}", accuracy(row, "lfw"),
            accuracy(row, "cfp"), f"{row['seconds']:.0f}" if "seconds" in row else "-",
            "-" if row["paper"] is None else f"{row['paper']:.2f}")


def table(rows):
    """Returns the table as lines of Markdown."""
    return markdown([COLUMNS, *map(cells, rows)], "|---" + "|---:" * (len(COLUMNS) - 1) + "|")


def notes(rows):
    out = ["Accuracies have their standard errors over the folds of one seed in brackets: they do "
           "not show how much another seed would change."]
    timed = [r for r in rows if r["ms"]]
    if timed:
        spread = max((max(r["ms"]) - min(r["ms"])) / ms_of(r) for r in timed)
        out.append(f"Milliseconds: one thread, batch 1, the median of {len(timed[0]['ms'])} turns, "
                   "in which the networks follow each other; turns differ by up to "
                   f"{100 * spread:.0f} % of their median. "
                   f"{timed[0]['timed']['machine']}, {timed[0]['timed']['date']}.")
    both = [r for r in rows if r["paper"] is not None and r.get("lfw")]
    if len(both) > 1:
        here, there = (" < ".join(r["name"] for r in sorted(both, key=key)) for key in
                       (lambda r: r["lfw"]["accuracy"], lambda r: r["paper"]))
        out.append(f"Order by LFW here: {here}. In Table 2 of the MobileFaceNets paper: {there}.")
    heads = {r["name"]: r["lfw"]["right"] for r in rows if r.get("lfw")}
    if GAP in heads and GDCONV in heads:
        p = mcnemar(heads[GDCONV], heads[GAP])[2]
        out.append(f"Global depthwise layer against global average pooling in MobileNet V2, LFW: "
                   f"McNemar's p {p_text(p)}.")
    if len([r for r in rows if r.get("lfw")]) < len(rows):
        out.append("Networks without an accuracy are not trained yet: the same command continues.")
    return out


def write_table(path, rows, about):
    write(path, "\n".join([about, "", *table(rows), ""] + [n + "\n" for n in notes(rows)]))


def draw(path, rows, about):
    """Draws accuracy on LFW against milliseconds or, when some are unknown, multiply-adds."""
    shown = [dict(r) for r in rows if r.get("lfw")]
    is_timed = bool(shown) and all(r["ms"] for r in shown)
    with picture(path, 130, figsize=(9, 6)) as (figure, axes):
        axis = axes[0, 0]
        axis.set(xscale="log", ylabel="LFW, % of pairs right",
                 xlabel="milliseconds for one face, one thread" if is_timed else
                 "multiply-adds, millions")
        for i, row in enumerate(shown):
            x = ms_of(row) if is_timed else row["macs"] / 1e6
            y, error = 100 * row["lfw"]["accuracy"], row["lfw"]["standard_error"]
            axis.errorbar(x, y, None if error is None else 196 * error, color=f"C{i % 10}", lw=1,
                          capsize=3, zorder=1)
            axis.scatter(x, y, s=row["bytes"] / 1e6 * 25, color=f"C{i % 10}", alpha=.6, zorder=2)
            row["at"] = x, y
        axis.margins(.14, .12)
        axis.grid(alpha=.3)
        axis.set_title(f"{about}\narea: bytes of the file of weights; bars: 95 % over the folds",
                       fontsize=8, wrap=True)
        figure.tight_layout()
        names(figure, axis, shown)


def names(figure, axis, rows):
    """Writes each network's name beside its point, where the name covers the fewest names and
    points."""
    figure.canvas.draw()
    frame = axis.get_window_extent().extents
    taken = []
    for row in rows:
        (x, y), bar = row["at"], 196 * (row["lfw"]["standard_error"] or 0)
        ends = axis.transData.transform([(x, y - bar), (x, y + bar)])
        taken.append((*(ends[0] - 6), *(ends[1] + 6)))
    for row in rows:
        best = None
        for dx, dy, side in PLACES:
            text = axis.annotate(row["name"], row["at"], (dx, dy), textcoords="offset points",
                                 ha=side, fontsize=8, arrowprops=None if abs(dy) < 20 else
                                 {"arrowstyle": "-", "lw": .5, "color": "grey"})
            box = text.get_window_extent().extents
            hits = sum(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3]
                       for t in taken)
            hits += len(rows) * (box[0] < frame[0] or box[2] > frame[2])
            if best is None or hits < best[0]:
                if best:
                    best[1].remove()
                best = hits, text, box
            else:
                text.remove()
            if not hits:
                break
        taken.append(tuple(best[2]))
