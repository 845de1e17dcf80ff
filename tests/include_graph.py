#!/usr/bin/env python3
"""include_graph.py [--dot] - checks that C files include only files of their folder and of lower
FLOORS, and that no files include each other in a circle. The exit status is 1 after a fault. --dot
prints the graph of the folders for Graphviz instead."""
import collections
import os
import re
import sys

# The floors from the bottom to the top. Folders of one floor must not include each other.
FLOORS = (("base", "kernels"), ("dnx",), ("common",), ("layers", "cuda"), ("registry",), ("net",),
          ("data", "gpu"),
          ("host",), ("face", "compress", "synth"), ("train",), ("cmd",))
LEVEL = {name: level for level, floor in enumerate(FLOORS) for name in floor}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def room(path):
    """Returns the name in FLOORS of the folder that a file belongs to."""
    parts = path.split(os.sep)
    if parts[0] == "layers_ext":
        return parts[1] if len(parts) > 2 else "layers"
    if len(parts) > 2:
        return "dnx" if parts[1] == "layer" else parts[1]
    return "registry" if "registry" in path else "dnx"


def read(top):
    """Returns {file: [included files]} of darknet/ and layers_ext/."""
    found = {}
    for root in ("darknet", "layers_ext"):
        for folder, _, names in os.walk(os.path.join(top, root)):
            for name in names:
                if name.endswith((".c", ".h", ".cc")):
                    path = os.path.relpath(os.path.join(folder, name), top)
                    with open(os.path.join(top, path), encoding="utf-8") as f:
                        found[path] = INCLUDE.findall(f.read())
    return {path: [file for name in names for file in
                   (os.path.join("darknet", name), os.path.join("layers_ext", name))
                   if file in found]
            for path, names in found.items()}


def circle(graph):
    """Returns files that include each other in a circle, or []."""
    state, trail = {}, []

    def visit(file):
        state[file] = "open"
        trail.append(file)
        for other in graph[file]:
            if state.get(other) == "open":
                return trail[trail.index(other):] + [other]
            if other not in state:
                ring = visit(other)
                if ring:
                    return ring
        state[file] = "done"
        trail.pop()
        return []

    for file in graph:
        ring = file not in state and visit(file)
        if ring:
            return ring
    return []


def main():
    graph = read(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    arrows = collections.Counter((room(a), room(b)) for a, files in graph.items() for b in files)
    if "--dot" in sys.argv[1:]:
        print("digraph folders {\n  rankdir=TB; node [shape=box, fontname=sans];")
        for floor in reversed(FLOORS):
            print("  {rank=same; " + "; ".join(f'"{name}"' for name in floor) + "}")
        for (a, b), count in sorted(arrows.items()):
            if a != b:
                print(f'  "{a}" -> "{b}" [penwidth={min(4, 0.5 + count / 8):.1f}];')
        print("}")
        return 0
    bad = [f"{a}: includes {b}, which is not below {room(a)}/" for a, files in sorted(graph.items())
           for b in files if room(a) != room(b) and LEVEL[room(b)] >= LEVEL[room(a)]]
    ring = circle(graph)
    if ring:
        bad.append("a circle of includes: " + " -> ".join(ring))
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
