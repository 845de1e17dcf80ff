"""Verifies and measures networks. A stored result is used again while its inputs stay the same."""
import os

from experiments.verification import find_images, images_of, made_from, verify
from lib import fingerprints
from lib.cfg_text import without_losses
from lib.files import read_result, write, write_json
from lib.processes import checked, timed
from report.machine import processor

RESULTS = ("made_from", "accuracy", "standard_error", "right", "scores")


def reusable(path, now, *keys, any_build=False, picture=None):
    """Returns the result in a file, or None when a key is missing or the result's inputs differ
    from `now`, the fingerprint of the present inputs. any_build: True also takes the result of
    another build of darknet. picture: the name of a file that must be beside the result, or None.
    """
    old = read_result(path, "made_from", *keys)
    if old is None or picture and not os.path.exists(os.path.join(os.path.dirname(path), picture)):
        return None
    lines = [line for line in fingerprints.differences(old["made_from"], now)
             if not any_build or not line.startswith("darknet build")]
    if lines:
        print(f"{path}: is made again" + fingerprints.listed(lines), flush=True)
        return None
    return old


def evaluate(args, name, cfg, weights, pairs, folder="lfw", every_pair=False):
    """Verifies pairs with a network. Returns the content of results.json in out/name/folder."""
    out = os.path.join(args.out, name, folder)
    path, listed = os.path.join(out, "results.json"), pairs.read()
    found, kept, _ = find_images(pairs.faces, listed, False)
    now = made_from(cfg, weights, images_of(pairs.faces, found, kept))
    keys = (*RESULTS, "all_pairs") if every_pair else RESULTS
    old = reusable(path, now, *keys, any_build=args.any_results,
                   picture="roc.png" if args.pictures else None)
    if old is None:
        print(f"verifying {name}: {len(kept)} pairs of {pairs.name}", flush=True)
        old = verify(cfg, weights, pairs.faces, listed, out, threads=args.threads,
                     name=pairs.name, pictures=args.pictures, every_pair=every_pair)
    return old


def measured(args, name, text):
    """Writes out/NAME.cfg. Returns the network's fingerprint, numbers of parameters and of
    multiply-adds, and the bytes of its weights file."""
    cfg = os.path.join(args.out, name + ".cfg")
    write(cfg, text)
    said = checked(cfg)
    return {"network": fingerprints.of_network(text), "parameters": said["parameters"],
            "macs": said["multiply_adds"], "bytes": 20 + 4 * said["floats"]}


def measure(args, name, text):
    """Measures a network without its losses: parameters, multiply-adds, milliseconds per image."""
    path = os.path.join(args.out, name + ".json")
    text = without_losses(text)
    now = {"network": fingerprints.of_network(text), "processor": processor(),
           "darknet build": fingerprints.of_build()}
    old = reusable(path, now, "parameters", "macs", "ms")
    if old is None:
        size = measured(args, name, text)
        told = timed(os.path.join(args.out, name + ".cfg"), "-batch", 1, "-runs", 300)
        old = {"made_from": now, "parameters": size["parameters"], "macs": size["macs"],
               "ms": told["ms_per_image"], "threads": told["threads"], "kernels": told["kernels"]}
        write_json(path, old)
    return old
