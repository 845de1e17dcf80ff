"""Tests scripts/to_stock.py: from its files, libdarknet computes the outputs of bin/darknet."""
import os
import sys
import tempfile

import common
from common import attempt, expect, expect_end, needed, script, skip_all, summary

with needed():
    import numpy as np
    import nets
    from bench import host_networks, peer_host, peer_process
if not os.path.exists(peer_host.LIBRARY):
    skip_all("libdarknet is not installed")

HEAD = "[net]\nheight=7\nwidth=7\nchannels=3\ninput_mean=127.5\ninput_scale=0.0078125\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
NETS = {
    "filters": "[convolutional]\nfilters=6\nsize=3\npad=1\ngroups=3\nbatch_normalize=1\n"
               "activation=prelu\n[depthwise]\nsize=3\npad=1\nstride=2\nmultiplier=2\n"
               "batch_normalize=1\nactivation=leaky\n[low_rank]\nfilters=8\nrank=2\nsize=3\npad=1\n"
               "batch_normalize=1\nactivation=relu\n[convolutional]\nfilters=6\nstride=2\n"
               "activation=prelu\n[global_depthwise]\nbatch_normalize=1\nactivation=prelu\n"
               "[connected]\noutput=5\nbatch_normalize=1\nactivation=prelu\n",
    "channels": CONV + "[channel_shuffle]\ngroups=2\n[batchnorm]\nshift=1\nactivation=prelu\n"
                "[route]\nlayers=-1,0\ngroups=2\ngroup_id=1\n[activation]\nactivation=elu\n"
                "[avgpool]\nsize=3\nstride=2\npad=1\n[maxpool]\nsize=2\nstride=2\n",
    "sums": CONV + "[binary]\nfilters=4\nsize=3\npad=1\nactivation=prelu\n[shortcut]\nfrom=0\n"
            "activation=leaky\n[dropout]\n[upsample]\nstride=2\n[avgpool]\n[connected]\noutput=4\n"
            "activation=linear\n[softmax]\n",
}
BAD = [
    ("[activation]\nactivation=swish\n",
     ":7: [activation] activation=swish: stock Darknet has no such function"),
    ("[binary]\nmode=xnor\n", ":7: [binary] mode=xnor: stock Darknet takes no signs of the input"),
    (CONV + "[sam]\nfrom=-1\n", ":12: [sam] has no stock Darknet form here, only activation, "),
]


def stock_agrees(folder, made, x, want):
    """Compares libdarknet's output for x with `want`. made: paths of its cfg and weights."""
    fin, fout = os.path.join(folder, "in"), os.path.join(folder, "out")
    x.tofile(fin)
    with peer_process.Peer(sys.executable, peer_host.__file__, *made, fin, 1) as peer:
        peer.output(fout)
    got = np.fromfile(fout, np.float32).reshape(1, -1)
    expect(nets.difference(got, want) < 1e-5, f"differs by {nets.difference(got, want):.1e}")


def agrees(folder, layers):
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + layers)
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    out = [os.path.join(folder, f) for f in ("s.cfg", "s.weights")]
    expect_end(script("to_stock.py", cfg, weights, *out))
    pixels = np.random.default_rng(2).uniform(0, 1, (1, 3, 7, 7)).astype(np.float32)
    want = nets.ours(cfg, weights, (255 * pixels - 127.5) * np.float32(.0078125))
    stock_agrees(folder, out, pixels, want)


def twin_agrees(folder):
    layers = (CONV + CONV).replace("linear", "elu") + "[shortcut]\nfrom=0\nactivation=relu\n"
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + layers)
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    x = np.random.default_rng(2).uniform(-1, 1, (1, 3, 7, 7)).astype(np.float32)
    stock_agrees(folder, host_networks.twin(cfg, weights, 1, folder), x,
                 nets.ours(cfg, weights, x))


def messages(folder):
    for i, (layers, said) in enumerate(BAD):
        cfg = common.write(os.path.join(folder, f"{i}.cfg"), HEAD + layers)
        weights = nets.randomise(cfg, os.path.join(folder, "w"))
        out = [os.path.join(folder, f) for f in ("n.cfg", "n.weights")]
        done = script("to_stock.py", cfg, weights, *out)
        expect(done.returncode == 1 and cfg + said in done.stderr, done.stderr)
        expect(not any(map(os.path.exists, out)), "a file is left")


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for name, text in NETS.items():
    attempt(name, in_a_folder, agrees, text)
attempt("twin", in_a_folder, twin_agrees)
attempt("messages", in_a_folder, messages)
summary()
