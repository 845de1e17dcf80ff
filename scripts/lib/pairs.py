"""Reads lists of pairs, and the verification sets of InsightFace (.bin), with `darknet pairs`."""
from lib.errors import Failure
from lib.processes import darknet, run


def read_pairs(path):
    """Returns [(name, name, is_same, fold)]. A name may lack its suffix, as in NAME/NAME_0001."""
    return parse(run([darknet(), "pairs", "--", path], capture=True))


def unpack_bin(path, folder):
    """Writes the images of a .bin set into `folder`. Returns its pairs as read_pairs() does."""
    if not path.isprintable():
        raise Failure(f"{path!r}: must have a printable name")
    return parse(run([darknet(), "pairs", "-unpack", folder, "--", path], capture=True))


def parse(text):
    lines = [line.split("\t") for line in text.split("\n")[:-1]]
    return [(a, b, same == "1", int(fold)) for a, b, same, fold in lines]
