#!/usr/bin/python3
"""Writes the cfg files of networks that are too long to write by hand.

    scripts/write_cfg.py [-check] [NAME...]      # writes into cfg/; without NAME all networks

-check writes nothing. The exit status is 1 when a file differs from what this script writes."""
import os
import sys

from lib.arguments import command_line
from lib.errors import Failure, run_main
from lib.files import read, write
from lib.processes import ROOT
from networks import faces, imagenet, mobile

NETWORKS = {**mobile.NETWORKS, **imagenet.NETWORKS, **faces.NETWORKS}


def run(names, check):
    for name in names or NETWORKS:
        if name not in NETWORKS:
            raise Failure(f"{name}: no such network; there are {', '.join(NETWORKS)}")
    different = []
    for name in names or NETWORKS:
        path, text = os.path.join(ROOT, "cfg", name + ".cfg"), NETWORKS[name]()
        if not check:
            write(path, text)
        elif not os.path.exists(path) or read(path) != text:
            different.append(f"cfg/{name}.cfg")
    if different:
        raise Failure(f"not as scripts/write_cfg.py writes: {', '.join(different)}")


def main():
    parser = command_line(__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("-check", action="store_true")
    args = parser.parse_args()
    return run_main(run, args.names, args.check)


if __name__ == "__main__":
    sys.exit(main())
