"""scripts/export_onnx.py for every section of a cfg: outputs in ONNX Runtime and in OpenCV's DNN
module."""
import os
import tempfile

import common
from common import attempt, expect, needed, skip_all, summary

with needed():
    for module in ("cv2", "onnx"):  # what nets.py and the script import
        __import__(module)
    import nets
    from bench import peer_process
    import export_onnx
if peer_process.onnx_missing():
    skip_all(f"{peer_process.onnx_missing()} (make bench-deps)")

TOLERANCE = 1e-5  # of the largest value of the output
HEAD = "[net]\nheight=6\nwidth=6\nchannels=3\n"
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
ONE = "[convolutional]\nfilters=4\nactivation=linear\n"
SIGNS = "[binary]\nfilters=4\nsize=3\nstride=2\npad=1\n"
# Each network tests a branch of exchange/onnx_out.py that the others do not.
NETS = {
    "filters": "[convolutional]\nfilters=6\nsize=3\nstride=2\npad=1\ngroups=3\nbatch_normalize=1\n"
               "activation=prelu\n[depthwise]\nsize=2\npadding=1\nmultiplier=2\nbatch_normalize=1\n"
               "activation=leaky\n[low_rank]\nfilters=8\nrank=2\nsize=3\npad=1\nbatch_normalize=1\n"
               "activation=relu\n[global_depthwise]\nbatch_normalize=1\n"
               "[convolutional]\nfilters=5\nactivation=linear\n",
    "flat": "[connected]\noutput=7\nbatch_normalize=1\nactivation=prelu\n[connected]\noutput=4\n"
            "activation=linear\n[batchnorm]\nshift=1\n[convolutional]\nfilters=3\n"
            "activation=swish\n[l2norm]\n",
    "squeeze": CONV + "[avgpool]\n[convolutional]\nfilters=4\nactivation=hsigmoid\n"
               "[scale_channels]\nfrom=0\n[sam]\nfrom=0\n[batchnorm]\nactivation=prelu\n",
    "local": CONV + "[local_avgpool]\nsize=3\n[local_avgpool]\nsize=2\nstride=2\n"
             "[local_avgpool]\nstride=2\npadding=0\n",
    "products": CONV + "[convolutional]\nactivation=logistic\n[scale_channels]\nfrom=0\n"
                "scale_wh=1\nactivation=tanh\n[sam]\nfrom=0\nactivation=relu6\n[avgpool]\n"
                "[scale_channels]\nfrom=0\nactivation=mish\n",
    "channels": CONV + "[channel_shuffle]\ngroups=2\n" + ONE + "[route]\nlayers=-1,0\ngroups=2\n"
                "group_id=1\n[dropout]\n[l2norm]\n",
    "windows": CONV + "[avgpool]\nsize=3\nstride=1\npad=1\n[maxpool]\nsize=3\nstride=2\n"
               "[upsample]\nstride=4\nscale=0.5\n[upsample]\nstride=-2\n[maxpool]\nsize=2\n"
               "stride=2\npadding=0\n",
    "sums": CONV + ONE + "[shortcut]\nfrom=0\nalpha=2\nbeta=0.5\nactivation=relu\n[convolutional]\n"
            "filters=6\nsize=3\nstride=2\npad=1\nactivation=linear\n[shortcut]\nfrom=0\n[route]\n"
            "layers=2\n[shortcut]\nfrom=4\nactivation=leaky\n",
    "softmax": CONV + "[connected]\noutput=6\nactivation=linear\n[softmax]\ntemperature=2\n",
    "softmax in groups": "[connected]\noutput=6\nactivation=linear\n[softmax]\ngroups=3\n"
                         "noloss=1\n",
    "logistic": "[logistic]\n",
    "bwn": SIGNS + "mode=bwn\ncenter=1\nbatch_normalize=1\nactivation=prelu\n",
    "binaryconnect": SIGNS + "mode=binaryconnect\n",
    "xnor": SIGNS + "mode=xnor\nbatch_normalize=1\nactivation=prelu\n",
    "xnor without a map": SIGNS + "mode=xnor\nk_map=0\nbatch_normalize=1\nnormalize=output\n",
    "bnn": CONV + "[activation]\nactivation=relu\n" + SIGNS + "mode=bnn\n",
    "activations": "".join(f"[activation]\nactivation={a}\n" for a in
                           ("relu6", "hswish", "hard_mish", "mish", "selu", "elu", "tanh", "leaky",
                            "loggy", "plse")) +
                   "[route]\nlayers=0\n" + "".join(
                       f"[activation]\nactivation={a}\n" for a in
                       ("stair", "ramp", "lhtan", "relie", "hardtan", "logistic", "prelu")),
}


def compare(what, got, want):
    expect(nets.difference(got, want) < TOLERANCE,
           f"{what} differs by {nets.difference(got, want):.2e} of the largest value")


def section(folder, layers):
    cfg = common.write(os.path.join(folder, "a.cfg"), HEAD + layers)
    weights = nets.randomise(cfg, os.path.join(folder, "w.weights"))
    model, x = os.path.join(folder, "m.onnx"), nets.images((6, 6, 3), 3)
    want = nets.ours(cfg, weights, x)
    for keeps in (False, True) if "batch_normalize" in layers else (False,):
        export_onnx.export(cfg, weights, model, keeps_norm=keeps)
        compare("ONNX Runtime", nets.onnx_runtime(model, x), want)
    export_onnx.export(cfg, weights, model, 1)
    compare("OpenCV", nets.opencv(model, x[:1]), want[:1])


def in_a_folder(test, *args):
    with tempfile.TemporaryDirectory() as folder:
        test(folder, *args)


for name, text in NETS.items():
    attempt(name, in_a_folder, section, text)
summary()
