"""Draws pictures with matplotlib, without a display."""
import contextlib

from lib.errors import needs
from lib.files import save_figure

# Colours that colour-blind people can distinguish (Okabe and Ito), and marks
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = "osD^vP*X"


def look(i):
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)]}


@contextlib.contextmanager
def picture(path, dpi, rows=1, columns=1, figsize=None, layout=None, **more):
    """Use: with picture("a.png", 110, 1, 2, figsize=(11, 4)) as (figure, axes): ... The picture is
    saved at the end of the block. axes is always an array, rows x columns."""
    needs("matplotlib")
    import matplotlib  # without pyplot, which would add 0.2 s to each start
    from matplotlib.figure import Figure
    matplotlib.rcParams["axes.prop_cycle"] = matplotlib.cycler(color=COLOURS)
    figure = Figure(figsize, layout=layout)
    yield figure, figure.subplots(rows, columns, squeeze=False, **more)
    save_figure(figure, path, dpi)
