"""Images as `darknet` decodes them."""
from lib.errors import needs

needs("PIL")
from PIL import Image, ImageOps


def read_rgb(path):
    """Upright by EXIF, transparent pixels over black. Raises what Pillow raises."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        return image.convert("RGB")
