"""What scripts/homework.py leaves in its folder: results.json, table.csv, pictures, report.html."""
import collections
import html
import os
import shlex
import sys

from experiments.methods import METHODS
from experiments.rows import AGAINST, has_other_images, stored
from experiments.training import build_of
from lib.files import write, write_csv, write_json
from lib.metrics import p_text, percent
from report import curves
from report.machine import made_here
from report.pictures import picture

COLUMNS = ("network", "width", "images", "parameters", "MB", "multiply-adds", "ms", "pairs right",
           *(f"p against {a}" for a in AGAINST), "training, s")
STYLE = """body { font-family: sans-serif; max-width: 70em; margin: 2em auto }
td, th { padding: .2em .7em; text-align: right } img { max-width: 100% }"""


def cells(row):
    error = "-" if row["error"] is None else percent(row["error"])
    return (row["method"], f"{row['width']:g}",
            f"{row['images']:,}" if row["images"] else "given",
            f"{row['parameters']:,}", f"{row['parameters'] * 4 / 1e6:.2f}",
            f"{row['macs'] / 1e6:.0f} M", f"{row['ms']:.2f}",
            f"{percent(row['accuracy'])} +- {error} %",
            *(", ".join(map(p_text, row["p"].get(a, []))) or "-" for a in AGAINST),
            f"{row['seconds']:.0f}" if row["seconds"] is not None else "given")


def show(rows):
    """The table as text; a column that says nothing is left out."""
    table = [COLUMNS] + [cells(r) for r in rows]
    kept = [i for i in range(len(COLUMNS))
            if not COLUMNS[i].startswith("p ") or any(line[i] != "-" for line in table[1:])]
    widths = {i: max(len(line[i]) for line in table) for i in kept}
    return "\n".join("  ".join(line[i].ljust(widths[i]) for i in kept).rstrip() for line in table)


def summary(args, data):
    """One line for titles: what was trained, on what, how long."""
    return (f"{data.label}: {data.classes} identities, {data.images[data.labelled]:,} images; "
            f"{args.batches} batches of {args.batch}, {args.size} x {args.size} pixels; seeds "
            f"{', '.join(map(str, args.seeds))}")


def notes(args, rows, said):
    """What one must know to read the table."""
    out = ["Standard errors are over seeds, that of the teacher over the folds." if len(args.seeds) > 1 else
           "Standard errors are over the folds of one seed: they do not show how much another "
           "seed would change."]
    if any(r["error"] is None for r in rows):
        out.append("The pairs file has one fold: thresholds were fitted on the tested pairs, and "
                   "there is no standard error.")
    out.append("p: McNemar's exact test on the same pairs, one number for each seed, only between "
               "rows that saw the same images.")
    if has_other_images(rows):
        out.append("Rows with other images than scratch compare faces as well as losses; there is "
                   "no p between them.")
    out.append("Training seconds are those of all updates; computing the teacher's outputs for "
               f"the cache is apart: {said['cache']}.")
    builds = {build_of(args, n) for r in rows for n in r["networks"]}
    if len(builds - {None}) > 1:
        out.append(f"The networks were trained by {len(builds - {None})} builds of darknet.")
    return out + [n for n in (said["weights"],) if n]


def draw_accuracy(rows, title, path):
    with picture(path, 120, figsize=(2.5 + .9 * len(rows), 4.8)) as (figure, axes):
        axis = axes[0, 0]
        names = [f"{r['method']}\n{r['width']:g}" for r in rows]
        values = [100 * r["accuracy"] for r in rows]
        bars = axis.bar(range(len(rows)), values, yerr=[100 * (r["error"] or 0) for r in rows],
                        capsize=3, color=["tab:grey" if r["method"] in ("teacher", "scratch")
                                          else "tab:blue" for r in rows])
        axis.bar_label(bars, [f"{v:.2f}" for v in values], padding=4, fontsize=8)
        axis.set_xticks(range(len(rows)), names, fontsize=8)
        axis.axhline(50, color="black", lw=1, ls=":", label="chance")
        axis.set(ylim=(min(45, min(values) - 5), 103), ylabel="pairs right, %")
        axis.set_title(title, fontsize=8, wrap=True)
        axis.legend(fontsize=8)
        figure.tight_layout()


def draw_curves(args, rows, title, path):
    """A panel for each way of training, because their losses have different units."""
    by = collections.OrderedDict()
    for r in rows:
        if r["method"] != "teacher":
            by.setdefault(r["method"], []).extend(r["networks"])
    if not by:
        return
    with picture(path, 120, len(by), sharex=True, figsize=(8, 1.2 + 1.9 * len(by))) as (fig, axes):
        for axis, (method, names) in zip(axes[:, 0], by.items()):
            for i, name in enumerate(names):
                log = curves.read(os.path.join(args.out, name, "net.csv"))
                curves.draw_loss(axis, log, curves.COLOURS[i % 10], name, False)
            axis.set_ylabel(f"{method}\nloss per image", fontsize=8)
            axis.legend(fontsize=6)
        axes[-1, 0].set_xlabel("batch")
        fig.suptitle(f"{title}\nEach loss in its own units: compare within a panel only",
                     fontsize=8)
        fig.tight_layout()


def table_html(rows):
    head = "".join(f"<th>{html.escape(c)}</th>" for c in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells(r)) + "</tr>"
                   for r in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def links(rows):
    """To the ROC and the worst pairs of every network."""
    names = [n for r in rows for n in r["networks"]]
    return "".join(f'<li>{n}: <a href="{n}/lfw/roc.png">ROC and scores</a>, '
                   f'<a href="{n}/lfw/worst.png">worst pairs</a>, '
                   f'<a href="{n}/lfw/results.json">results.json</a></li>' for n in names)


def report(args, rows, data, said):
    """said: {"cache": seconds in words, "weights": where loss weights come from}."""
    made, title, lines = made_here(), summary(args, data), notes(args, rows, said)
    at = os.path.join(args.out, "")
    write_csv(at + "table.csv", [COLUMNS] + [cells(r) for r in rows])
    draw_accuracy(rows, title, at + "accuracy.png")
    draw_curves(args, rows, title, at + "curves.png")
    command = shlex.join([os.path.basename(sys.argv[0])] + sys.argv[1:])
    items = "".join(f"<li><b>{m}</b>: {html.escape(METHODS[m].what)}</li>" for m in args.methods)
    said_html = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    write(at + "report.html", f"""<!DOCTYPE html>
<meta charset="utf-8"><title>Distilling MobileFaceNet</title>
<style>{STYLE}</style>
<h1>Distilling MobileFaceNet</h1>
<p>{html.escape(title)}</p>
{table_html(rows)}
<ul>{said_html}</ul>
<ul>{items}</ul>
<p><img src="accuracy.png" alt="accuracy of each network"></p>
<p><img src="curves.png" alt="loss during training"></p>
<ul>{links(rows)}</ul>
<p>{made['date']}, {html.escape(made['machine'])}; darknet build {made['build']}.
Command: <code>{html.escape(command)}</code></p>
""")
    write_json(at + "results.json", {"made": dict(made, command=command), "data": title,
                                     "notes": lines, "rows": stored(rows)})
