"""Draws the results of eval_identification.py: table, picture, and distractors that look like
probes."""
import os

import numpy as np

from lib.files import write
from lib.metrics import p_text
from report.pictures import COLOURS, look, picture
from report.roc import draw_face, printable


def share(r, key):
    """Returns the rate r[key] in percent with its interval: "97.12 (95.40 to 98.21)"."""
    if r is None or r[key] is None:
        return "not measurable"
    if r.get("low") is None:
        return f"{100 * r[key]:.2f}"
    return f"{100 * r[key]:.2f} ({100 * r['low']:.2f} to {100 * r['high']:.2f})"


def difference(d):
    if not d or d.get("p") is None:
        return "-"
    return (f"{100 * d['difference']:+.2f} ({100 * d['low']:+.2f} to {100 * d['high']:+.2f}), "
            f"p {p_text(d['p'])}")


def faces_text(result):
    f = result["faces"]
    return (f"{f['people']:,} people, {f['probes']:,} probes, {f['distractors']:,} distractors, "
            f"{result['verification']['impostor_pairs']:,} pairs of two people")


def table(results):
    """Returns the rows of the table, as lists of texts. Each network has a column."""
    rows = [["%, with 95 % interval over people"] + [r["name"] for r in results]]
    known = [r for r in results if "identification" in r]
    for k in (1, 10) if known else ():
        n = known[0]["faces"]["distractors"]
        rows.append([f"rank-{k} among {n:,} distractors"]
                    + [share(r.get("identification", {}).get(f"rank{k}"), "rate")
                       for r in results])
    for i, c in enumerate(known[0]["identification"]["by_distractors"][:-1] if known else ()):
        rows.append([f"rank-1 among {c['distractors']:,}, mean of {c['draws']} draws +- error"]
                    + [with_error(r["identification"]["by_distractors"][i]) for r in results])
    for rate in results[0]["verification"]["tar_at_far"]:
        rows.append([f"TAR at FAR {rate}"]
                    + [share(r["verification"]["tar_at_far"][rate], "tar") for r in results])
    for rate in results[0]["open_set"]["fnir_at_fpir"]:
        rows.append([f"FNIR at FPIR {rate}"]
                    + [share(r["open_set"]["fnir_at_fpir"][rate], "fnir") for r in results])
    return rows + against(results)


def with_error(c):
    error = "-" if c["rank1_error"] is None else f"{100 * c['rank1_error']:.2f}"
    return f"{100 * c['rank1']:.2f} +- {error}"


def against(results):
    """Returns the rows with paired tests of each network against the first network."""
    compared = [r.get("versus", {}) for r in results]
    if not any("tar_at_far" in v for v in compared):
        return []
    rows, first = [], results[0]["name"]
    if any("rank1" in v for v in compared):
        rows.append([f"rank-1 minus {first}"] + [difference(v.get("rank1")) for v in compared])
        rows.append(["McNemar's exact p, of trials that share people"]
                    + [p_text(v["rank1"]["mcnemar_p"]) if "rank1" in v else "-" for v in compared])
    for rate in results[0]["verification"]["tar_at_far"]:
        rows.append([f"TAR at {rate} minus {first}"]
                    + [difference(v.get("tar_at_far", {}).get(rate)) for v in compared])
    return rows


def notes(results, args):
    f, v = results[0]["faces"], results[0]["verification"]
    out = [f"{faces_text(results[0])}; {v['genuine_pairs']:,} pairs of one person."]
    if f["people_with_one_image"]:
        out.append(f"{f['people_with_one_image']:,} people have one image: they cannot be probes, "
                   "and count in the pairs of two people only.")
    if args.ignored:
        out.append(f"--ignore left out {f['ignored']} of its {len(args.ignored)} lines' images"
                   + (f"; {f['ignored_not_found']} lines name no image here."
                      if f["ignored_not_found"] else "."))
    if args.template > 1:
        out.append(f"A probe is a template of up to {args.template} images, weights "
                   f"{args.template_weights}.")
    if not f["distractors"]:
        out.append("No distractors: no ranks; strangers to the list are the probes themselves, "
                   "each with its own person off the list.")
    for r in results[1:]:
        if "not_compared" in r["versus"]:
            out.append(f"{r['name']} is not compared: {r['versus']['not_compared']}.")
    return out


def draw(path, results, privates):
    """Draws TAR against FAR, rank-1 against the number of distractors, and the scores of the first
    network."""
    first = results[0]
    with picture(path, 120, 1, 3, figsize=(16, 5)) as (figure, axes):
        tar, cmc, hist = axes[0]
        for i, r in enumerate(results):
            style = dict(look(i), label=printable(r["name"]))
            draw_tar(tar, r, style)
            if "identification" in r:
                draw_cmc(cmc, r, style)
        draw_scores(hist, first, privates[0])
        tar.set(xscale="log", xlabel="false-match rate (share of pairs of two people)",
                ylabel="true-match rate (share of pairs of one person)",
                title="verification, 95 % intervals over people")
        cmc.set(xscale="log", xlabel="distractors", ylabel="rank-1 (share of searches)",
                title="identification; bars: 95 % over people, lines: 1 standard error of draws")
        for axis in axes[0]:
            axis.title.set_fontsize(9)
        for axis in (tar, cmc):
            axis.grid(alpha=.3)
            if axis.has_data():
                axis.legend(fontsize=8)
        if not cmc.has_data():
            cmc.text(.5, .5, "no distractors", ha="center", transform=cmc.transAxes)
        figure.suptitle(printable(f"{first['name']}: {faces_text(first)}"), fontsize=10)
        figure.tight_layout()


def draw_tar(axis, r, style):
    line = {k: v for k, v in style.items() if k != "marker"}
    if r["curve"]:
        axis.plot(*zip(*r["curve"]), lw=1.2, **line)
    points = [(float(f), v) for f, v in r["verification"]["tar_at_far"].items() if v]
    for i, (far, v) in enumerate(points):
        low, high = (v[k] if v[k] is not None else v["tar"] for k in ("low", "high"))
        axis.errorbar([far], [v["tar"]], [[max(0, v["tar"] - low)], [max(0, high - v["tar"])]],
                      fmt=style["marker"], capsize=3, color=style["color"],
                      label=None if r["curve"] or i else style["label"])


def draw_cmc(axis, r, style):
    curve = r["identification"]["by_distractors"]
    axis.errorbar([c["distractors"] for c in curve], [c["rank1"] for c in curve],
                  [c["rank1_error"] or 0 for c in curve], ms=4, lw=1.2, capsize=2, **style)
    v = r["identification"]["rank1"]
    if v["low"] is not None:
        axis.errorbar([curve[-1]["distractors"]], [v["rate"]],
                      [[max(0, v["rate"] - v["low"])], [max(0, v["high"] - v["rate"])]],
                      color=style["color"], capsize=4)


def draw_scores(axis, result, private):
    good, bad = private["genuine"], private["sample"]
    edges = np.linspace(min(good.min(), bad.min()), max(good.max(), bad.max()) + 1e-6, 81) \
        if len(good) and len(bad) else 2
    for values, colour, label in ((good, COLOURS[0], "one person"),
                                  (bad, COLOURS[1], "two people")):
        if len(values):
            axis.hist(values, edges, density=True, alpha=.6, color=colour,
                      label=f"pairs of {label}")
    for (rate, v), style in zip(result["verification"]["tar_at_far"].items(),
                                ("-", "--", "-.", ":") * 9):
        if v:
            axis.axvline(v["threshold"], color="black", lw=1, ls=style,
                         label=f"{v['threshold']:.3f}: threshold at FAR {rate}")
    axis.set(xlabel="cosine", ylabel="density",
             title=printable(f"scores of {result['name']}"))
    axis.legend(fontsize=7)


def draw_suspects(out, private, most):
    """Writes suspects.png and suspects.txt: the distractors that are most similar to a probe."""
    best, places = private["best"]
    probes, others = private["probes"], private["others"]
    seen, pairs = set(), []
    for flat in np.argsort(-best, axis=None, kind="stable"):
        i, k = np.unravel_index(flat, best.shape)
        if places[i, k] not in seen:
            seen.add(places[i, k])
            pairs.append((probes.paths[i], others.name(places[i, k]), float(best[i, k])))
        if len(pairs) == most:
            break
    write(os.path.join(out, "suspects.txt"), "".join(path + "\n" for _, (_, path), _ in pairs))
    columns, rows = 4, -(-len(pairs) // 4)
    with picture(os.path.join(out, "suspects.png"), 80, rows, 2 * columns,
                 figsize=(14, 1.9 * rows + .6)) as (figure, axes):
        for a in axes.flat:
            a.axis("off")
        for n, (probe, (name, path), score) in enumerate(pairs):
            for k, (image, text) in enumerate(((probe, "/".join(probe.split("/")[-2:])),
                                               (path, name))):
                a = axes[n // columns][2 * (n % columns) + k]
                draw_face(a, image, printable(text[-24:]) + ("" if k == 0 else f"\n{score:.3f}"))
        figure.suptitle("probes (left) and the distractors that look most like them (right)",
                        fontsize=9)
        figure.tight_layout()
