"""matplotlib without a display, and pictures that are there whole or not at all."""
import contextlib

from lib.errors import needs
from lib.files import save_figure


def pyplot():
    needs("matplotlib")
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    return plt


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
