"""Parsers of command lines, and types for argparse."""
import argparse
import math
import os


def command_line(text, **more):
    """Returns a parser whose -h prints `text` with its line breaks."""
    return argparse.ArgumentParser(description=text, **more,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def exporter(text, *outs):
    """Returns a parser for scripts that export a network. outs: names of the arguments for
    output files; -h shows the argument "out_bin" as out.bin."""
    parser = command_line(text)
    for name in ("cfg", "weights", *outs):
        parser.add_argument(name, metavar=name.replace("out_", "out."))
    parser.add_argument("-to", "--to", metavar="LAYER", help="the layer that becomes the output")
    parser.add_argument("--force", action="store_true", help="replace the outputs")
    return parser


def evaluation(text):
    parser = command_line(text)
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder of all results")
    parser.add_argument("--flip", choices=("sum", "concat", "none"), default="none",
                        help="add or append the features of the mirror image (default: none)")
    parser.add_argument("--threads", type=whole(0, 64), default=0, help="0: all processors")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false",
                        help="draw no pictures")
    return parser


def number(kind, what, fits, bounds):
    """Returns an argparse type: numbers v of type `kind` (int or float) where fits(v) is true.
    what, bounds: the type of number and its bounds, as texts for error messages."""
    def take(text):
        try:
            v = kind(text)
        except ValueError as e:
            raise argparse.ArgumentTypeError(f"{text}: must be {what}") from e
        if not fits(v):
            raise argparse.ArgumentTypeError(f"{text}: must be {bounds}")
        return v
    return take


def whole(least, most=1 << 31):
    return number(int, "a whole number", lambda n: least <= n <= most,
                  f"at least {least}" if most == 1 << 31 else f"from {least} to {most}")


def real(above=-math.inf, least=-math.inf, most=math.inf):
    """Returns an argparse type: finite numbers x with above < x and least <= x <= most."""
    named = (("above", above), ("at least", least), ("at most", most))
    bounds = " and ".join(f"{word} {v:g}" for word, v in named if math.isfinite(v))
    return number(float, "a number", lambda v: math.isfinite(v) and above < v and
                  least <= v <= most, bounds or "finite")


def each(kind):
    """Returns an argparse type: a list of `kind` values with commas between them, none twice."""
    def take(text):
        values = [kind(v) for v in text.split(",")]
        for i, v in enumerate(values):
            if v in values[:i]:
                raise argparse.ArgumentTypeError(f"{text}: {v} is given twice")
        return values
    return take


def path(text):
    """An argparse type: an absolute path. Refuses an empty text, such as an unset variable of a
    shell, because os.path.abspath() would make it the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path must not be empty")
    return os.path.abspath(text)


def words(known):
    """Returns an argparse type: words of `known` with commas between them, sorted as in `known`."""
    def one(text):
        if text not in known:
            raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(known)}")
        return text

    def take(text):
        chosen = each(one)(text)
        return [w for w in known if w in chosen]
    return take
