"""Draws a contact sheet of the pairs that networks confuse most."""
import os

from lib.errors import needs
from lib.files import whole_file

EACH = 4  # for each network, at most 4 pairs of two people and at most 4 of one person are drawn
TILE, GAP, HEAD, LINE, LETTER = 56, 6, 22, 14, 6  # pixels


def most_confused(result, each=EACH):
    """Returns (at most `each` wrong pairs of two people, by falling cosine; at most `each` of one
    person, by rising cosine). A pair is its index in the result."""
    wrong = [i for i, right in enumerate(result["right"]) if not right]
    of_two = sorted((i for i in wrong if not result["same"][i]), key=lambda i: -result["scores"][i])
    of_one = sorted((i for i in wrong if result["same"][i]), key=lambda i: result["scores"][i])
    return of_two[:each], of_one[:each]


def draw_confused(path, results, folder, found):
    """Draws a row for each network. results: {name of the network: its results.json}; found: {name
    of an image: its path in folder}."""
    needs("PIL")
    from PIL import Image, ImageDraw

    from lib.pictures import read_rgb

    left, half = LETTER * max(map(len, results)) + 2 * GAP, EACH * (2 * TILE + GAP)
    sheet = Image.new("RGB", (left + 2 * half + 3 * GAP,
                              HEAD + len(results) * (TILE + LINE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for k, text in enumerate(("two people, taken for one", "one person, taken for two")):
        pen.text((left + k * (half + 2 * GAP), 5), text, fill="black")

    def paste(name, x, y):
        try:
            face = read_rgb(os.path.join(folder, found[name]))
            sheet.paste(face.resize((TILE, TILE)), (x, y))
        except (OSError, SyntaxError, ValueError):  # a frame for an unreadable image
            pen.rectangle((x, y, x + TILE - 1, y + TILE - 1), outline="gray")

    for row, (network, result) in enumerate(results.items()):
        y = HEAD + row * (TILE + LINE + GAP)
        pen.text((GAP, y + TILE // 2 - 6), network, fill="black")
        for k, chosen in enumerate(most_confused(result)):
            for column, i in enumerate(chosen):
                x = left + k * (half + 2 * GAP) + column * (2 * TILE + GAP)
                for side in (0, 1):
                    paste(result["pair_names"][i][side], x + side * TILE, y)
                pen.text((x + TILE - 18, y + TILE + 1), f"{result['scores'][i]:.3f}", fill="black")
    with whole_file(path, binary=True) as f:
        sheet.save(f, "PNG")
