#!/usr/bin/python3
"""plot_energy.py energy.csv out.png [-title TEXT]: draws, for each layer, the share of the
responses' energy that the first k eigenvectors contain, against k / filters. Dots mark the chosen
ranks. `darknet compress low-rank -csv` writes energy.csv."""
import csv
import sys

from lib.arguments import command_line
from lib.errors import Failure, run_main
from lib.text import read_lines
from report.curves import names_of
from report.pictures import picture


def read(path):
    """Returns {layer: (filters, chosen rank or 0, [energy at rank 1, 2, ...])}."""
    layers = {}
    for row in csv.DictReader(read_lines(path)):
        try:
            layer, rank = int(row["layer"]), int(row["rank"])
            entry = layers.setdefault(layer, (int(row["filters"]), int(row["chosen"]), []))
            entry[2].append(float(row["energy"]))
        except (KeyError, TypeError, ValueError) as e:
            raise Failure(f"{path}: is not a table of energies: {e}") from e
        if rank != len(entry[2]):
            raise Failure(f"{path}: layer {layer}: rank {rank} is out of order")
    if not layers:
        raise Failure(f"{path}: holds no layers")
    for layer, (filters, chosen, energy) in layers.items():
        if filters < 1 or not 0 <= chosen <= len(energy):
            raise Failure(f"{path}: layer {layer}: {filters} filters, rank {chosen} of "
                          f"{len(energy)}")
    return layers


def draw(path, out, title):
    layers = read(path)
    with picture(out, 120, figsize=(8, 5.4)) as (figure, axes):
        from matplotlib import colormaps  # picture() has checked that matplotlib is installed
        axis, colours = axes[0, 0], colormaps["viridis"]
        for i, (layer, (filters, chosen, energy)) in enumerate(layers.items()):
            colour = colours(i / max(1, len(layers) - 1))
            share = [(k + 1) / filters for k in range(len(energy))]
            axis.plot([0] + share, [0] + [100 * e for e in energy], color=colour,
                      label=f"layer {layer}: {filters} filters")
            if chosen:
                axis.plot(chosen / filters, 100 * energy[chosen - 1], "o", color=colour)
        axis.set(xlabel="rank / filters", ylabel="energy kept, %", xlim=(0, 1), ylim=(0, 101),
                 title=title or names_of([path])[0])
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small", ncols=2)
        figure.tight_layout()


def main():
    parser = command_line(__doc__)
    parser.add_argument("csv", metavar="energy.csv")
    parser.add_argument("out", metavar="out.png", help="a .png, .pdf or .svg file")
    parser.add_argument("-title", default="", help="the network and the images; default: the "
                        "names of the CSV and its folder")
    args = parser.parse_args()
    return run_main(draw, args.csv, args.out, args.title)


if __name__ == "__main__":
    sys.exit(main())
