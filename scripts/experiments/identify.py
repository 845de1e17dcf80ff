"""Measures identification of a student with scripts/eval_identification.py."""
import os
import sys

from experiments.evaluation import reusable
from lib import fingerprints
from lib.files import read_json, write_json
from lib.processes import ROOT, run

RATES = ("1e-04", "1e-05")
SCRIPT = os.path.join(ROOT, "scripts", "eval_identification.py")


def identify(args, name, cfg, weights):
    """Returns {name of a rate: {"rate", "low", "high"}, or None when it cannot be measured}. "low"
    and "high" are the 95 % interval over people."""
    out = os.path.join(args.out, name, "identification")
    path = os.path.join(out, "rates.json")
    now = {"network": fingerprints.of_features(cfg, weights),
           "probes": fingerprints.of_data(args.probes)}
    now.update((f"distractors {i + 1}", fingerprints.of_data(d))
               for i, d in enumerate(args.distractors))
    old = reusable(path, now, "rates")
    if old is None:
        print(f"identifying with {name}", flush=True)
        run([sys.executable, SCRIPT, cfg, weights, args.probes, *args.distractors, "--out", out,
             "--no-pictures", "--far", ",".join(RATES), "--draws", "1", "--threads",
             str(args.threads)], capture=True)
        r = read_json(os.path.join(out, "results.json"), "networks")["networks"][0]
        tar = r["verification"]["tar_at_far"]
        rates = {f"rank-1 of {r['faces']['distractors']:,}": interval(
            r["identification"]["rank1"], "rate")}
        rates.update((f"TAR at FAR {f}", interval(tar[f], "tar")) for f in RATES)
        old = {"made_from": now, "faces": r["faces"], "rates": rates}
        write_json(path, old)
    return old["rates"]


def interval(r, key):
    if r is None or r[key] is None:
        return None
    return {"rate": r[key], "low": r.get("low"), "high": r.get("high")}
