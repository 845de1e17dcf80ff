"""The networks that which_network.py compares. Their features have the teacher's length."""
import os

from experiments.methods import METHODS
from experiments.networks import CFG, beside, schedule
from lib.cfg_text import edit, embedding, sections, without_losses
from lib.errors import Failure
from lib.files import read

NAMES = ("mobilefacenet-eighth", "mobilefacenet-quarter", "mobilefacenet-half", "mobilefacenet",
         "mobilefacenet-2x", "resnet-face-small", "shufflenet-v1-face", "shufflenet-v2-face",
         "mobilenet-v2-face", "mobilenet-v2-face-gdconv", "mobilenet-v1-face")
LOW_RANK, LOW_RANK_OF = "resnet-face-small-low-rank", "resnet-face-small"
# Accuracy on LFW in percent, Table 2 of MobileFaceNets (Chen et al., arXiv 1804.07573)
PAPER = {"mobilenet-v1-face": 98.63, "shufflenet-v1-face": 98.70, "mobilenet-v2-face": 98.58,
         "mobilenet-v2-face-gdconv": 98.88, "mobilefacenet": 99.28}
# options of [net] for all networks, instead of the options of each network's paper
TRAINING = {"momentum": .9, "decay": .0005, "nesterov": 1, "flip": 1}


def path_of(named):
    """Returns the path of a cfg. named: the name of a network in cfg/, or the path."""
    path = named if named.endswith(".cfg") else os.path.join(CFG, named + ".cfg")
    if not os.path.isfile(path):
        raise Failure(f"--networks {named}: is neither a network of cfg/ nor a cfg file; "
                      f"the default is {', '.join(NAMES)}")
    return path


def name_of(named):
    return os.path.basename(named)[:-len(".cfg")] if named.endswith(".cfg") else named


def body(named, numbers, size):
    """Returns the cfg text of a network without losses. Its embedding has `numbers` values."""
    path = path_of(named)
    text = edit(without_losses(read(path)), {"net": {"width": size, "height": size}})
    return embedding(text, numbers, path)


def student(args, text, teacher, batches, rate):
    """Returns the cfg text with the schedule and a loss that imitates the teacher's features."""
    loss = sections(read(os.path.join(CFG, METHODS["feature"].cfg)))[-1]
    files = {"teacher": beside(args, teacher["cfg"]), "weights": beside(args, teacher["weights"])}
    return edit(text.rstrip() + f"\n\n[{loss[0]}]{loss[1]}",
                {"net": dict(schedule(args, batches, rate), **TRAINING, seed=args.seed),
                 loss[0]: files})
