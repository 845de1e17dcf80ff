"""What scripts/homework.py leaves in its folder: results.json, table.csv, pictures, report.html."""
import csv
import html
import json
import math
import os
import sys

import plot_training


def write(path, text):
    """The file is there whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".tmp", path)


def mean_error(values, folds_error):
    """Mean, and its standard error over seeds; with one seed that over the folds."""
    m = sum(values) / len(values)
    if len(values) == 1:
        return m, folds_error
    return m, math.sqrt(sum((v - m) ** 2 for v in values) / (len(values) - 1) / len(values))


def draw(args, rows, label, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, axis = plt.subplots(figsize=(1.5 + .9 * len(rows), 4.5))
    names = [f"{r['method']}\n{r['width']:g}" for r in rows]
    values = [100 * r["accuracy"] for r in rows]
    axis.bar(names, values, yerr=[100 * r["error"] for r in rows], capsize=3,
             color=["tab:grey" if r["method"] in ("teacher", "scratch") else "tab:blue"
                    for r in rows])
    axis.set_ylim(max(0, min(values) - 5), 100)
    axis.set_ylabel("pairs right, %")
    axis.set_title(label)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_curves(args, names, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, axis = plt.subplots(figsize=(8, 4.5))
    for name in names:
        log = plot_training.read(os.path.join(args.out, name, "net.csv"))
        loss = plot_training.smooth(log["loss"], .02)
        axis.plot(log["batch"], [v / loss[0] for v in loss], label=name)
    axis.set_xlabel("batch")
    axis.set_ylabel("loss, share of the first")
    axis.set_yscale("log")
    axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


COLUMNS = ("network", "width", "parameters", "MB", "multiply-adds", "ms", "pairs right",
           "p against scratch", "training, s")


def cells(row):
    return (row["method"], f"{row['width']:g}", f"{row['parameters']:,}",
            f"{row['parameters'] * 4 / 1e6:.2f}", f"{row['macs'] / 1e6:.0f} M", f"{row['ms']:.2f}",
            f"{100 * row['accuracy']:.2f} +- {100 * row['error']:.2f} %",
            ", ".join(f"{p:.2g}" for p in row["p"]) or "-",
            f"{row['seconds']:.0f}" if row["seconds"] else "given")


def show(rows):
    table = [COLUMNS] + [cells(r) for r in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
                     for line in table)


def report(args, rows, label, names, methods):
    write(os.path.join(args.out, "results.json"), json.dumps(rows, indent=1))
    with open(os.path.join(args.out, "table.csv"), "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([COLUMNS] + [cells(r) for r in rows])
    draw(args, rows, label, os.path.join(args.out, "accuracy.png"))
    draw_curves(args, names, os.path.join(args.out, "curves.png"))
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells(r)) + "</tr>"
                   for r in rows)
    items = "".join(f"<li><b>{m}</b>: {html.escape(methods[m][1])}</li>" for m in args.methods)
    note = ("Standard errors are over seeds." if len(args.seeds) > 1 else
            "Standard errors are over the folds of one seed: they do not show how much another "
            "seed would change.")
    write(os.path.join(args.out, "report.html"), f"""<!DOCTYPE html>
<meta charset="utf-8"><title>Distilling MobileFaceNet</title>
<style>body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto }}
td, th {{ padding: .2em .7em; text-align: right }} img {{ max-width: 100% }}</style>
<h1>Distilling MobileFaceNet: {html.escape(label)}</h1>
<table><tr>{"".join(f"<th>{html.escape(c)}</th>" for c in COLUMNS)}</tr>{body}</table>
<p>{note} p: McNemar's exact test on the same pairs, one number for each seed.</p>
<ul>{items}</ul>
<p><img src="accuracy.png" alt="accuracy of each network"></p>
<p><img src="curves.png" alt="loss during training"></p>
<p>Command: <code>{html.escape(" ".join(sys.argv))}</code></p>
""")
