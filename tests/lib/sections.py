"""sections.py - small networks for tests of exports, with every section that can be exported."""
CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
ONE = "[convolutional]\nfilters=4\nactivation=linear\n"
SIGNS = "[binary]\nfilters=4\nsize=3\nstride=2\npad=1\n"
# {name of a network: its sections without [net]}
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
