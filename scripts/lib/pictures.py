"""Decodes images in the same way as `darknet`."""
import errno
import time

from lib.errors import needs

needs("numpy", "PIL")
import numpy as np
from PIL import Image, ImageOps


SHALLOW = {"L;2": 85, "L;4": 17}  # {Pillow's name of grey with 2 or 4 bits: 255 / largest level}
DEEP = "I", "I;16", "I;16B"  # Pillow's modes of grey images with 16 bits
# the exceptions that Pillow raises for broken images
BROKEN = OSError, SyntaxError, ValueError, Image.DecompressionBombError
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


def scaled_key(image):
    """Returns the transparent level or colour of a PNG on the scale of Pillow's pixels, or None.
    Pillow converts grey pixels of 2 and 4 bits and colours of 16 bits to 8 bits, but not the
    transparent level or colour."""
    key = image.info.get("transparency")
    form = image.tile[0][3] if key is not None and image.tile else None
    if form == "RGB;16B":
        return tuple(v >> 8 for v in key)
    return key * SHALLOW.get(form, 1) if isinstance(key, int) else key


def from_deep(image, key):
    """Converts a grey image from 16 to 8 bits. Pillow's own conversion turns all levels above 255
    into white. key: the transparent level, which becomes black, or None."""
    level = np.asarray(image.convert("I"))
    level = np.where(level == key, 0, level) if key is not None else level
    return Image.fromarray(((level * 255 + 32767) // 65535).astype(np.uint8))


def read_once(path):
    with Image.open(path) as image:
        key = scaled_key(image)
        image = ImageOps.exif_transpose(image)
        if image.mode in DEEP:
            image, key = from_deep(image, key), None
        elif key is not None:
            image.info["transparency"] = key
        if image.mode in ("RGBA", "LA", "PA") or key is not None:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        return image.convert("RGB")
