#!/usr/bin/env python3
"""unused.py - prints C functions that should be static or that nothing uses, and unused Python
functions of scripts/. The exit status is 1 when there is such a function."""
import collections
import os
import re
import sys

ARGUMENTS = r"\([^;{}()]*(?:\([^;{}()]*\)[^;{}()]*)*\)"
# the definition of a C function that is not static
IN_C = re.compile(r"^(?!static\b|typedef\b)[a-z][\w \t*]*?\b(\w+)" + ARGUMENTS + r"\s*\{", re.M)
IN_PYTHON = re.compile(r"^ *(?:def|class) (\w+)", re.M)
FOR_PICKLE = ("find_class", "persistent_load")  # methods that pickle.Unpickler calls
WORD = re.compile(r"\w+")
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def read(top, roots, ends):
    """Returns {path: text} of the files in the folders `roots` whose names end with one of `ends`.
    Comments of C are removed."""
    found = {}
    for root in roots:
        for folder, _, names in os.walk(os.path.join(top, root)):
            for name in names:
                if name.endswith(ends):
                    path = os.path.relpath(os.path.join(folder, name), top)
                    with open(os.path.join(top, path), encoding="utf-8") as f:
                        text = f.read()
                    found[path] = text if path.endswith((".py", ".ipynb")) \
                        else COMMENT.sub("", text)
    return found


def in_c(top):
    """Returns a line for each function that no other file uses. Declarations are not uses."""
    files = read(top, ("darknet", "layers_ext", "tests"), (".c", ".h", ".cc", ".cu"))
    words = {path: collections.Counter(WORD.findall(text)) for path, text in files.items()}
    bad = []
    for path, text in files.items():
        if path.endswith(".c") and not path.startswith("tests"):
            for name in IN_C.findall(text):
                uses = (path != other and words[other][name] > other.endswith(".h")
                        for other in files)
                if name != "main" and not any(uses):
                    bad.append(f"{path}: {name}() is used in this file alone: make it static"
                               if words[path][name] > 1 else f"{path}: nothing uses {name}()")
    return bad


def in_python(top):
    files = read(top, ("scripts", "tests", "notebooks"), (".py", ".ipynb", ".sh"))
    words = collections.Counter(word for text in files.values() for word in WORD.findall(text))
    return [f"{path}: nothing uses {name}" for path, text in files.items()
            if path.startswith("scripts") for name in IN_PYTHON.findall(text)
            if words[name] == 1 and not name.startswith("__") and name not in FOR_PICKLE]


def main():
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    bad = sorted(in_c(top) + in_python(top))
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
