"""Draws pictures with matplotlib, without a display."""
import contextlib

from lib.errors import needs
from lib.files import save_figure

# Colours that colour-blind people can distinguish (Okabe and Ito), and marks
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
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}


@contextlib.contextmanager
def picture(path, dpi, rows=1, columns=1, **more):
    """Use: with picture("a.png", 110, 1, 2, figsize=(11, 4)) as (figure, axes): ... The picture is
    saved at the end of the block. axes is always an array, rows x columns."""
    plt = pyplot()
    figure, axes = plt.subplots(rows, columns, squeeze=False, **more)
    try:
        yield figure, axes
        save_figure(figure, path, dpi)
    finally:
        plt.close(figure)
