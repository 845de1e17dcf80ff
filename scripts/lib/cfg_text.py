"""Reads and changes options in the text of a cfg."""
import functools
import itertools
import re

from lib.errors import Failure
from lib.processes import darknet, run

# {layer type: the option that sets the number of its outputs}
OUTPUTS = {"convolutional": "filters", "conv": "filters", "connected": "output", "conn": "output"}


def edit(text, changes):
    """Returns the cfg text with changed or added options. changes: {section: {key: value}}."""
    lines, out, section, left = text.split("\n"), [], None, {}

    def close():
        at = len(out)
        while at and (not out[at - 1].strip() or out[at - 1].lstrip().startswith("#")):
            at -= 1
        out[at:at] = [f"{k}={v}" for k, v in left.items()]

    for line in lines:
        head = re.match(r"\s*\[(\w+)\]", line)
        option = re.match(r"\s*(\w+)\s*=", line)
        if head:
            close()
            section, left = head.group(1), dict(changes.get(head.group(1), {}))
        elif section and option and option.group(1) in left:
            line = f"{option.group(1)}={left.pop(option.group(1))}"
        out.append(line)
    close()
    return "\n".join(out)


def sections(text):
    """Returns [(section name, text)]. Text before the first section has the name ''."""
    parts = re.split(r"(?m)^\s*\[(\w+)\].*$", text)
    return [("", parts[0])] + list(zip(parts[1::2], parts[2::2]))


def option(body, key):
    """Returns the text of an option's value, or None. body: the text of one section."""
    found = re.search(rf"(?m)^[ \t]*{key}[ \t]*=[ \t]*([^#\n]*)", body)
    return found.group(1).strip() if found else None


@functools.lru_cache
def losses():
    return re.findall(r"(?m)^  (\w+) .*; a loss(?:;|$)", run([darknet(), "layers"], capture=True))


def without_losses(text):
    """Returns the cfg text of the network that predicts: all sections before the first loss."""
    parts = itertools.takewhile(lambda part: part[0] not in losses(), sections(text)[1:])
    return "".join(f"[{name}]{body}" for name, body in parts)


def embedding(text, numbers, path="the network"):
    """Returns the cfg text in which the last convolution or connected layer before the losses has
    `numbers` outputs. path: the name of the cfg file, for messages."""
    parts = sections(text)
    count = len(sections(without_losses(text)))
    layers = [i for i, (name, _) in enumerate(parts[:count]) if name in OUTPUTS]
    if not layers:
        raise Failure(f"{path}: has no convolution or connected layer, whose outputs would be the "
                      "embedding")
    name, body = parts[layers[-1]]
    changed = edit(f"[{name}]{body}", {name: {OUTPUTS[name]: numbers}})
    parts[layers[-1]] = name, changed.partition("]")[2]
    return "".join(f"[{n}]{b}" if n else b for n, b in parts)
