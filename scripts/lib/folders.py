"""Finds images in folders in the same way as `darknet`: hidden files and folders are ignored."""
import os

from lib.errors import Failure

# suffixes of images, in upper or lower case
KINDS = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm")


def is_image(name):
    return name.lower().endswith(KINDS) and not name.startswith(".")


def walk(folder):
    """Yields (folder, sorted names of its visible files) for `folder` and all visible folders below
    it. Links are followed, but each folder is visited once."""
    seen = set()

    def fail(error):
        raise Failure(f"{error.filename}: {error.strerror}")

    if not os.path.isdir(folder):
        raise Failure(f"{folder}: " + ("is not a folder" if os.path.exists(folder) else
                                       "No such folder"))
    for at, inner, names in os.walk(folder, followlinks=True, onerror=fail):
        s = os.stat(at)
        if (s.st_dev, s.st_ino) in seen:
            inner.clear()
            continue
        seen.add((s.st_dev, s.st_ino))
        inner[:] = sorted(n for n in inner if not n.startswith("."))
        yield at, sorted(n for n in names if not n.startswith("."))


def images_below(folder):
    return [os.path.join(at, n) for at, names in walk(folder) for n in names if is_image(n)]


def check_outside(out, folder, option=""):
    """Raises a Failure when the folder of results `out` is inside the folder of images `folder`: a
    later call would read the pictures among the results as images."""
    inner, outer = os.path.realpath(out), os.path.realpath(folder)
    if os.path.commonpath([inner, outer]) == outer:
        raise Failure(f"--out {out}: must be outside of {option}{folder}, whose images are read")


def identities(folder):
    """Returns the names of the visible folders in `folder`. Each is a class; its place in the list
    is the number of the class."""
    try:
        return sorted((e.name for e in os.scandir(folder)
                       if e.is_dir() and not e.name.startswith(".")), key=os.fsencode)
    except OSError as e:
        raise Failure(f"{folder}: {e.strerror}") from e
