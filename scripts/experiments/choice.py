"""Chooses the weights of losses on development pairs, never on the pairs of the report."""
from experiments.data import development_pairs
from experiments.evaluation import evaluate
from experiments.networks import WEIGHTS, loss_weight, student_cfg
from experiments.teachers import files
from experiments.training import cache_option, train


def note(args):
    """Returns a note for the report about weights that were not chosen on development pairs."""
    used = [m for m in args.methods if m in WEIGHTS and getattr(args, m + "_weight") is None]
    if not used:
        return ""
    listed = " and ".join(f"{loss_weight(args, m):g} for {m}" for m in used)
    return (f"The default loss weights ({listed}) were chosen on pairs like the reported ones, "
            "which flatters those rows a little; --choose chooses on development pairs.")


def choose(args, data, teacher):
    """Trains a student of the first width with each weight of --choose. Sets args.X_weight to the
    weight with the best mean accuracy over the seeds. Returns a text for the report."""
    said, cache = [], cache_option(args, data.labelled) if args.cache else []
    pairs = development_pairs(args)
    for method, weights in args.choose.items():
        tried = {}
        for weight in weights:
            setattr(args, method + "_weight", weight)
            got = []
            for seed in args.seeds:
                name = f"choose-{method}-{weight:g}-{args.widths[0]:g}-seed{seed}"
                text = student_cfg(args, method, args.widths[0], seed, data.classes, teacher)
                trained = train(args, name, text, data.labelled, data.sources[data.labelled],
                                files(teacher, method), cache)
                got.append(evaluate(args, name, *trained, pairs, "development")["accuracy"])
            tried[weight] = sum(got) / len(got)
        best = max(tried, key=tried.get)
        setattr(args, method + "_weight", best)
        said.append(f"The weight of {method}, {best:g}, was chosen on {len(pairs.read())} "
                    f"development pairs ({pairs.name}), width {args.widths[0]:g}: " +
                    ", ".join(f"{w:g}: {100 * a:.2f} %" for w, a in tried.items()) + ".")
        print(said[-1], flush=True)
    return " ".join(said)
