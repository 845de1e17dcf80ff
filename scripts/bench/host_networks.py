"""Converts the cfg and weights of a network of ours so that stock libdarknet runs the same network,
for comparisons."""
import os
import struct
import subprocess
import sys

import numpy as np

from bench import peer_process
from bench.plan import plan
from lib import darknet_files
from lib.errors import Failure
from lib.processes import checked


def twin(cfg, weights, batch, folder):
    """Writes libdarknet's form of a network into `folder`. Returns the paths (cfg, weights). All
    PReLU slopes must be 0.1, because PReLU becomes libdarknet's leaky ReLU."""
    net, layers = plan(cfg)
    arrays = darknet_files.read_weights(weights, layers)
    text = [f"[net]\nbatch={batch}\nsubdivisions=1\n" + "".join(f"{k}={net[k]}\n" for k in net)]
    for i, layer in enumerate(layers):
        if layer["name"] == "shortcut":
            text.append(f"[shortcut]\nfrom={layer['sources'][1] - i}\nactivation={layer['act']}\n")
            continue
        text.append(f"[convolutional]\nfilters={layer['shape'][0]}\nsize={layer['shape'][2]}\n"
                    f"stride={layer['stride']}\npad=0\npadding={layer['pad']}\n"
                    f"groups={layer['groups']}\nbatch_normalize={int(layer['bn'])}\n"
                    f"activation={'leaky' if layer['act'] == 'prelu' else layer['act']}\n")
        layer["params"] = [p for p in layer["params"] if p[0] != "slopes"]
    made = os.path.join(folder, "host.cfg"), os.path.join(folder, "host.weights")
    with open(made[0], "w") as f:
        f.write("\n".join(text))
    darknet_files.write_weights(made[1], layers, arrays)
    return made


def set_slopes(cfg, weights):
    """Sets all slopes of PReLU to 0.1, the slope of libdarknet's leaky ReLU."""
    _, layers = plan(cfg)
    arrays = [{k: v.copy() for k, v in a.items()}
              for a in darknet_files.read_weights(weights, layers)]
    for a in arrays:
        if "slopes" in a:
            a["slopes"][:] = 0.1
    darknet_files.write_weights(weights, layers, arrays)


def random_weights(cfg, out):
    """Writes the random weights of libdarknet, but with random batch norms, because libdarknet
    starts with variances of 0."""
    done = subprocess.run([sys.executable, os.path.join(peer_process.FOLDER, "peer_host.py"),
                           "-init", cfg, out], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"libdarknet failed: {done.stderr.strip()[-200:]}")
    with open(out, "rb") as f:
        head, values = f.read(20), np.fromfile(f, np.float32)
    if struct.unpack_from("<ii", head) != (0, 2):
        raise Failure(f"{out}: unknown version")
    rng = np.random.default_rng(4)
    draw = {"biases": lambda n: rng.normal(0, 0.1, n), "scales": lambda n: rng.uniform(0.5, 1.5, n),
            "mean": lambda n: rng.normal(0, 0.1, n), "variance": lambda n: rng.uniform(1, 3, n)}
    at = 0
    for layer in checked(cfg)["layers"]:
        counts = {p["name"]: p["count"] for p in layer["params"]}
        for name, n in counts.items():
            if "variance" in counts and name in draw:
                values[at:at + n] = draw[name](n)
            at += n
    if at != values.size:
        raise Failure(f"{out}: {values.size} floats, the network has {at}")
    with open(out, "wb") as f:
        f.write(head + values.tobytes())
