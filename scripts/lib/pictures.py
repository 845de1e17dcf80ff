"""Decodes images in the same way as `darknet`."""
import errno
import time

from lib.errors import needs

needs("PIL")
from PIL import Image, ImageOps


DEEP = "I", "I;16", "I;16B"  # Pillow's modes of grey images with 16 bits
TEMPORARY = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EMFILE, errno.ENFILE)


def read_rgb(path):
    """Reads an image as RGB, turned upright by its EXIF orientation. Transparent pixels are blended
    with black. Raises errors of Pillow."""
    try:
        return read_once(path)
    except OSError as e:
        if e.errno not in TEMPORARY:
            raise
    time.sleep(.1)
    return read_once(path)


def read_once(path):
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode in DEEP:  # Pillow would turn all levels above 255 into white
            image = image.convert("I").point(lambda level: level * (255 / 65535) + .5).convert("L")
            image.info.pop("transparency", None)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        return image.convert("RGB")
