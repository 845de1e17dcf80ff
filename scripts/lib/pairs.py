"""Pairs of faces to verify, as `darknet pairs` reads them: lists of pairs in the forms people have,
and the verification sets of InsightFace (.bin)."""
from lib.errors import Failure
from lib.processes import darknet, run


def read_pairs(path):
    """[(name, name, is_same, fold)]: names of images, perhaps without a suffix, such as
    NAME/NAME_0001."""
    return parse(run([darknet(), "pairs", "--", path], capture=True))


def unpack_bin(path, folder):
    """Writes the images as SET/SET_0001.jpg or .png into folder; their pairs, in ten folds."""
    if not path.isprintable():
        raise Failure(f"{path!r}: must have a printable name")
    return parse(run([darknet(), "pairs", "-unpack", folder, "--", path], capture=True))


def parse(text):
    lines = [line.split("\t") for line in text.split("\n")[:-1]]
    return [(a, b, same == "1", int(fold)) for a, b, same, fold in lines]
