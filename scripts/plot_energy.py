#!/usr/bin/python3
"""plot_energy.py energy.csv out.png: the share of the responses' energy that the first eigenvectors
hold, a curve for each layer, from the CSV that `darknet compress low-rank -csv` writes. Dots: the
ranks that were chosen."""
import csv
import sys


def read(path):
    """{layer: (filters, chosen rank or 0, energies at rank 1, 2, ...)}, in the file's order."""
    layers = {}
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            try:
                layer, rank = int(row["layer"]), int(row["rank"])
                entry = layers.setdefault(layer, (int(row["filters"]), int(row["chosen"]), []))
                entry[2].append(float(row["energy"]))
            except (KeyError, TypeError, ValueError) as e:
                raise ValueError(f"is no table of energies: {e}") from e
            if rank != len(entry[2]):
                raise ValueError(f"layer {layer}: rank {rank} is out of order")
    if not layers:
        raise ValueError("holds no layers")
    return layers


def main():
    if len(sys.argv) != 3:
        print("usage: plot_energy.py energy.csv out.png", file=sys.stderr)
        return 2
    try:
        layers = read(sys.argv[1])
    except (OSError, ValueError) as e:
        print(f"{sys.argv[1]}: {e}", file=sys.stderr)
        return 1
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots(figsize=(8, 5))
    colours = plt.get_cmap("viridis")
    for i, (layer, (filters, chosen, energy)) in enumerate(layers.items()):
        colour = colours(i / max(1, len(layers) - 1))
        share = [(k + 1) / filters for k in range(len(energy))]
        axes.plot([0] + share, [0] + [100 * e for e in energy], color=colour,
                  label=f"layer {layer}: {filters} filters")
        if chosen:
            axes.plot(chosen / filters, 100 * energy[chosen - 1], "o", color=colour)
    axes.set_xlabel("rank / filters")
    axes.set_ylabel("energy kept, %")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 101)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
