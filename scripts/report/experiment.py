"""Writes the results of scripts/homework.py: results.json, table.csv, pictures, report.html."""
import collections
import html
import os

from experiments.methods import METHODS
from experiments.rows import AGAINST, has_other_images, stored
from experiments.training import build_of
from experiments.verification import NEEDED, find_images
from lib.files import read_json, write, write_csv, write_json
from lib.metrics import p_text, percent
from lib.text import columns
from report import curves
from report.confused import draw_confused
from report.machine import made_here
from report.pictures import look, picture

TAR = "TAR at FAR 1e-3, %"
MINUS = ("scratch", "teacher")  # rows whose TAR is subtracted from the TAR of each row
PAIRS = ("pairs right", *(f"p against {a}" for a in AGAINST))
COLUMNS = ("network", "width", "images", "parameters", "MB", "multiply-adds", "ms", TAR,
           *(f"minus {m}" for m in MINUS), *PAIRS, "training, s")
REPORT_ONLY = ("images", "MB", "multiply-adds", *PAIRS[1:])  # not shown in a terminal
STYLE = """body { font-family: sans-serif; max-width: 70em; margin: 2em auto }
td, th { padding: .2em .7em; text-align: right } img { max-width: 100% }"""


def tar_cells(row):
    tar = row["tar"]
    if not tar or tar["tar"] is None:
        return ["not measurable" if tar else "-"] + ["-"] * len(MINUS)
    out = [f"{100 * tar['tar']:.1f} ({100 * tar['low']:.1f} to {100 * tar['high']:.1f})"
           if tar["low"] is not None else f"{100 * tar['tar']:.1f}"]
    for name in MINUS:
        d = tar.get("minus", {}).get(name)
        out.append(f"{100 * d['difference']:+.1f} (p {p_text(d['p'])})" if d and d["p"] else "-")
    return out


def cells(row):
    error = "-" if row["error"] is None else percent(row["error"])
    return (row["method"], f"{row['width']:g}",
            f"{row['images']:,}" if row["images"] else "given",
            f"{row['parameters']:,}", f"{row['parameters'] * 4 / 1e6:.2f}",
            f"{row['macs'] / 1e6:.0f} M", f"{row['ms']:.2f}", *tar_cells(row),
            f"{percent(row['accuracy'])} +- {error} %",
            *(", ".join(map(p_text, row["p"].get(a, []))) or "-" for a in AGAINST),
            f"{row['seconds']:.0f}" if row["seconds"] is not None else "given")


def show(rows):
    """Returns the table for a terminal."""
    table = [COLUMNS] + [cells(r) for r in rows]
    kept = [i for i, c in enumerate(COLUMNS) if c not in REPORT_ONLY and
            not (c.startswith("minus ") and all(line[i] == "-" for line in table[1:]))]
    return columns([[line[i] for i in kept] for line in table])


def summary(args, data):
    return (f"{data.label}: {data.classes} identities, {data.labelled.images:,} images; "
            f"{args.batches} batches of {args.batch}, {args.size} x {args.size} pixels; "
            f"seed{'s' * (len(args.seeds) > 1)} {', '.join(map(str, args.seeds))}")


def notes(args, rows, said):
    """Returns notes that explain the table. said: the argument of report()."""
    out = ["Standard errors are over seeds, that of the teacher over the folds."
           if len(args.seeds) > 1 else
           "Standard errors are over the folds of one seed: they do not show how much another "
           "seed would change."]
    if any(r["error"] is None for r in rows):
        out.append("The pairs file has one fold: thresholds were fitted on the tested pairs, and "
                   "there is no standard error.")
    tar = rows[0]["tar"]
    if tar:
        strangers = "" if args.faces else " that no network was trained on"
        out.append(f"TAR: the share of all {tar['genuine_pairs']:,} pairs of one person above the "
                   f"threshold that 1 in 1,000 of all {tar['impostor_pairs']:,} pairs of two "
                   f"people exceeds; {tar['people']:,} people{strangers}. In "
                   "brackets: 95 % interval, and p of the difference, by bootstrap over people. "
                   "They do not show how much another seed would change.")
    out.append("p against: McNemar's exact test on the pairs of the list, one number for each "
               "seed, only between rows that saw the same images.")
    if has_other_images(rows):
        out.append("Rows with other images than scratch compare faces as well as losses; there is "
                   "no p between them.")
    out.append(f"Training seconds are those of all updates. {said['cache']}")
    builds = {build_of(args, n) for r in rows for n in r["networks"]}
    if len(builds - {None}) > 1:
        out.append(f"The networks were trained by {len(builds - {None})} builds of darknet.")
    return out + [n for n in (said["weights"],) if n]


def draw_accuracy(rows, title, path):
    """Draws TAR and accuracy of each network as points with intervals."""
    with picture(path, 120, 1, 2, sharey=True, figsize=(11, 1.8 + .4 * len(rows))) as (fig, axes):
        left, right = axes[0]
        for i, r in enumerate(rows):
            tar = r["tar"]
            if tar and tar["tar"] is not None:
                low, high = (tar["tar"] if tar[k] is None else tar[k] for k in ("low", "high"))
                draw_point(left, i, tar["tar"], tar["tar"] - low, high - tar["tar"])
            draw_point(right, i, r["accuracy"], *[1.96 * (r["error"] or 0)] * 2)
        left.set_yticks(range(len(rows)), [f"{r['method']}, width {r['width']:g}" for r in rows])
        left.invert_yaxis()
        tar = rows[0]["tar"]
        left.set_xlabel("true-match rate at a false-match rate of 1 in 1,000, %; bar: 95 % over "
                        "people", fontsize=8)
        right.set_xlabel("pairs right, %; bar: 1.96 standard errors", fontsize=8)
        if tar:
            left.set_title(f"{tar['genuine_pairs']:,} pairs of one and {tar['impostor_pairs']:,} "
                           f"of two of {tar['people']:,} people", fontsize=8)
        right.set_title("the pairs of the list", fontsize=8)
        for axis in (left, right):
            axis.grid(alpha=.3)
        fig.suptitle(title, fontsize=9)
        fig.tight_layout()


def draw_point(axis, i, value, below, above):
    style = look(i)
    axis.errorbar([100 * value], [i], xerr=[[100 * max(0, below)], [100 * max(0, above)]],
                  fmt=style["marker"], color=style["color"], capsize=4)
    axis.annotate(f"{100 * value:.1f}", (100 * value, i), (0, 6), textcoords="offset points",
                  ha="center", fontsize=8)


def draw_curves(args, rows, title, path):
    """Draws accuracy during training, and the losses. Each method has its own panel of losses,
    because the losses of two methods have different units."""
    by, logs = collections.OrderedDict(), {}
    for r in rows:
        for name in r["networks"]:
            if os.path.exists(os.path.join(args.out, name, "net.csv")):
                by.setdefault(r["method"], []).append(name)
                logs[name] = curves.read(os.path.join(args.out, name, "net.csv"))
    if not by:
        return
    seen = [n for n in logs if curves.known(logs[n], "pairs")[0]]
    with picture(path, 120, len(by) + bool(seen), sharex=False, layout="constrained",
                 figsize=(8, 1.4 + 1.9 * len(by) + 2 * bool(seen))) as (fig, axes):
        for i, name in enumerate(seen):
            batches, right = curves.known(logs[name], "pairs")
            axes[0, 0].plot(batches, [100 * v for v in right], label=name, ms=4, lw=1.2, **look(i))
        if seen:
            axes[0, 0].set(ylabel="pairs right, %", title="verification while training, on pairs "
                           "that are not in the table")
            axes[0, 0].title.set_fontsize(8)
        for axis, (method, names) in zip(axes[bool(seen):, 0], by.items()):
            for name in names:
                curves.draw_loss(axis, logs[name], look(list(logs).index(name))["color"], name,
                                 False)
            axis.set_ylabel(f"{method}\nloss per image", fontsize=8)
        for axis in axes[:, 0]:
            axis.grid(alpha=.3)
            axis.legend(fontsize=6)
        axes[-1, 0].set_xlabel("batch")
        fig.suptitle(f"{title}\nEach loss in its own units: compare within a panel only",
                     fontsize=8)


def table_html(rows):
    head = "".join(f"<th>{html.escape(c)}</th>" for c in COLUMNS)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells(r)) + "</tr>"
                   for r in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def links(rows):
    names = [n for r in rows for n in r["networks"]]
    return "".join(f'<li>{n}: <a href="{n}/lfw/roc.png">ROC and scores</a>, '
                   f'<a href="{n}/lfw/worst.png">worst pairs</a>, '
                   f'<a href="{n}/lfw/results.json">results.json</a></li>' for n in names)


def first_results(args, rows):
    names = [r["networks"][0] for r in rows]
    return {n: read_json(os.path.join(args.out, n, "lfw", "results.json"), *NEEDED) for n in names}


def report(args, rows, data, said):
    """Writes all files of the report. said: {"cache": text about the time outside of updates,
    "weights": text about the choice of loss weights}."""
    made, lines = made_here(), notes(args, rows, said)
    title = "MobileFaceNet; " + summary(args, data) + (
        "; teacher given" if args.teacher_weights else f"; teacher {args.teacher_batches} batches")
    at = os.path.join(args.out, "")
    write_csv(at + "table.csv", [COLUMNS] + [cells(r) for r in rows])
    draw_accuracy(rows, title, at + "accuracy.png")
    draw_curves(args, rows, title, at + "curves.png")
    draw_confused(at + "confused.png", first_results(args, rows), data.test.faces,
                  find_images(data.test.faces, data.test.read(), True)[0])
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
<p><img src="accuracy.png" alt="TAR and accuracy of each network"></p>
<p><img src="curves.png" alt="verification and loss during training"></p>
<p>What each network confuses most of its pairs, with the cosines:</p>
<p><img src="confused.png" alt="the most confused pairs of each network"></p>
<ul>{links(rows)}</ul>
<p>{made['date']}, {html.escape(made['machine'])}; darknet build {made['build']},
commit {made['commit']}.
Command: <code>{html.escape(made['command'])}</code></p>
""")
    write_json(at + "results.json", {"made": made, "data": title,
                                     "notes": lines, "rows": stored(rows)})
