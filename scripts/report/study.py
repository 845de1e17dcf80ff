"""Writes the results of scripts/study.py: study.md, study.csv, study.png, study.json."""
import os

from experiments import choice
from experiments.methods import METHODS
from lib.files import write, write_csv, write_json
from lib.metrics import p_text, percent
from lib.text import markdown
from report.pictures import COLOURS, look, picture


def accuracy(test):
    half = "" if test["interval"] is None else f" ± {percent(test['interval'])}"
    return f"{percent(test['mean'])}{half} %"


def p_words(test):
    return "; ".join(f"{name}: " + " ".join(map(p_text, values))
                     for name, values in test["p"].items() if values) or "-"


def minus_words(test):
    return "; ".join(f"{name}: {100 * d[0]:+.2f} ± {100 * d[1]:.2f}"
                     for name, d in test["minus"].items() if d) or "-"


def tuned_words(row):
    return ", ".join(f"{k} {v:g}" for k, v in sorted(row["tuned"].items())) or "-"


def rate_words(row, name):
    if name not in row["identification"]:
        return "not run"
    r = row["identification"][name]
    if r is None:
        return "not measurable"
    some = f", {r['seeds']} of the seeds" if r["seeds"] < len(row["seeds"]) else ""
    return f"{percent(r['mean'])} ({percent(r['low'])} to {percent(r['high'])}) %{some}"


def cells(row, names, rates):
    out = [row["method"], f"{row['width']:g}", f"{row['batches']:,}", f"{row['images']:,}",
           tuned_words(row), " ".join(map(str, row["seeds"]))]
    for n in names:
        test = row["tests"].get(n)
        out += [accuracy(test), minus_words(test), p_words(test)] if test else \
            ["not run", "-", "-"]
    runs = row["runs"]
    out += [rate_words(row, r) for r in rates]
    return out + [f"{runs[0]['images seen']:,}",
                  f"{sum(r['seconds'] for r in runs) / len(runs):.0f}",
                  " ".join(sorted({c for r in runs for c in r["commit"]}))]


def tests_in(rows):
    return list(dict.fromkeys(n for r in rows for n in r["tests"]))


def table(rows):
    """Returns the table: the header, then a line for each row."""
    names = tests_in(rows)
    rates = list(dict.fromkeys(n for r in rows for n in r["identification"]))
    header = ["method", "width", "batches", "images", "values", "seeds",
              *(c for n in names for c in (n, f"{n}, minus", f"p, {n}")), *rates,
              "images seen", "training, s", "commit"]
    return [header] + [cells(r, names, rates) for r in rows]


def style(row):
    """Returns the colour, mark and line style of a row."""
    at = list(METHODS).index(row["method"]) if row["method"] in METHODS else 0
    return {**look(at), "ls": "--" if row["more"] else "-" if at < len(COLOURS) else ":"}


def label(row):
    return row["method"] + (f", {row['images']:,} images" if row["more"] else "")


def draw_points(axis, rows, name):
    """Draws a point with its interval for each row. The point is hollow for a single seed."""
    for i, r in enumerate(rows):
        test = r["tests"].get(name)
        if test:
            values = [100 * a for a in test["accuracies"]]
            axis.errorbar([100 * test["mean"]], [-i], xerr=100 * (test["interval"] or 0),
                          capsize=3, mfc="white" if len(values) == 1 else None, **style(r))
            axis.plot(values, [-i] * len(values), "|", color="grey")
    axis.set_yticks([-i for i in range(len(rows))], [label(r) for r in rows], fontsize=7)
    axis.set_xlabel(f"pairs right, {name}, %")


def draw_curves(axis, rows, name):
    """Draws accuracy during training, averaged over seeds. A seed counts when it was measured at
    the same updates as the first seed."""
    for r in rows:
        curves = [run["curve"] for run in r["runs"] if run["curve"]]
        if not curves:
            continue
        at = [b for b, _ in curves[0]]
        same = [c for c in curves if [b for b, _ in c] == at]
        values = [100 * sum(c[i][1] for c in same) / len(same) for i in range(len(at))]
        axis.plot(at, values, label=label(r), ms=4, lw=1, **style(r))
    axis.set(xlabel="updates", ylabel=f"pairs right, {name}, %")
    if axis.lines:
        axis.legend(fontsize=6)


def draw(rows, path):
    """Draws two panels for each width and number of batches: points, and curves of training."""
    which = list(dict.fromkeys((r["width"], r["batches"]) for r in rows))
    name = tests_in(rows)[0]
    with picture(path, 110, 2, len(which), figsize=(1.6 + 4.8 * len(which), 8)) as (figure, axes):
        for column, (width, batches) in enumerate(which):
            some = [r for r in rows if (r["width"], r["batches"]) == (width, batches)]
            draw_points(axes[0, column], some, name)
            draw_curves(axes[1, column], some, name)
            axes[0, column].set_title(f"width {width:g}, {batches:,} updates", fontsize=9)
        figure.suptitle("Points: mean and 95 % interval over seeds, grey: each seed; hollow: one "
                        "seed, over folds.\nBelow: accuracy over training, mean over seeds",
                        fontsize=9)
        figure.tight_layout()


def notes(args, chosen):
    return ["±: half the 95 % interval of the mean over seeds (Student's t); of one seed, over "
            "the folds of its pairs.",
            "minus: the difference of the means over seeds and half its 95 % interval (Welch), in "
            "points, of rows that saw the same images.",
            "p: McNemar's exact test, a number for each seed, only between rows that saw the same "
            "images.",
            "Rates of identification: the interval is over seeds; of one seed, over people.",
            *choice.notes(args, chosen)]


def write_all(args, rows, chosen):
    at, lines = os.path.join(args.out, "study."), table(rows)
    write_csv(at + "csv", lines)
    draw(rows, at + "png")
    used = dict.fromkeys(r["method"] for r in rows)
    said = [f"- **{m}**: {METHODS[m].what}" for m in used if m in METHODS]
    machines = sorted({m for r in rows for run in r["runs"] for m in run["machine"]})
    commands = list(dict.fromkeys(run["command"] for r in rows for run in r["runs"]))
    page = "\n".join(markdown(lines, "| --- " * len(lines[0]) + "|"))
    write(at + "md", "# Ways of distilling\n\n" + page + "\n\n" + "\n".join(
        f"- {n}" for n in notes(args, chosen)) + "\n\n" + "\n".join(said) +
        f"\n\nProcessor: {'; '.join(machines)}\n\nCommands:\n\n```\n" + "\n".join(commands) +
        "\n```\n\n![accuracy](study.png)\n")
    write_json(at + "json", {"rows": rows,
                             "chosen": {m: {"values": v, "tried": t}
                                        for m, (v, t) in chosen.items()}})
