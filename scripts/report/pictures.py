"""matplotlib without a display, and pictures that are there whole or not at all."""
import contextlib

from lib.errors import needs
from lib.files import save_figure

# which the colour-blind can tell apart (Okabe and Ito), and marks beside them
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = "osD^vP*X"


def pyplot():
    needs("matplotlib")
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS)
    return plt


def look(i):
    """Colour and mark of the i-th thing in a picture."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}


@contextlib.contextmanager
def picture(path, dpi, rows=1, columns=1, **more):
    """with picture("a.png", 110, 1, 2, figsize=(11, 4)) as (figure, axes): ..., then it is saved.
    axes: rows x columns, always."""
    plt = pyplot()
    figure, axes = plt.subplots(rows, columns, squeeze=False, **more)
    try:
        yield figure, axes
        save_figure(figure, path, dpi)
    finally:
        plt.close(figure)
