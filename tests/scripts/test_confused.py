"""Tests the contact sheet of the most confused pairs."""
from common import attempt_all, expect, needed, summary, write_png

with needed():
    import numpy as np
    from PIL import Image

from report.confused import EACH, GAP, HEAD, LETTER, TILE, draw_confused, most_confused

COLOURS = {f"p{i}": (250 - 20 * i, 20 * i, 60) for i in range(12)}


def result():
    """Returns the results of 12 pairs of two people and 12 pairs of one person."""
    pairs = [(f"p{i}", f"p{11 - i}") for i in range(12)] * 2
    same = [0] * 12 + [1] * 12
    scores = [round(.1 + .07 * (i * 5 % 12), 2) for i in range(12)] + \
        [round(.05 + .07 * (i * 7 % 12), 2) for i in range(12)]
    right = [(s > .6) if one else (s < .4) for s, one in zip(scores, same)]
    return {"pair_names": pairs, "same": same, "scores": scores, "right": right}


def the_worst_come_first():
    r = result()
    two, one = most_confused(r)
    expect(len(two) == len(one) == EACH, (two, one))
    scores = [r["scores"][i] for i in two]
    expect(scores == sorted((s for s, same, ok in zip(r["scores"], r["same"], r["right"])
                             if not same and not ok), reverse=True)[:EACH], scores)
    scores = [r["scores"][i] for i in one]
    expect(scores == sorted(s for s, same, ok in zip(r["scores"], r["same"], r["right"])
                            if same and not ok)[:EACH], scores)
    expect(most_confused(dict(r, right=[1] * 24)) == ([], []), "right pairs")


def every_pair_is_drawn():
    for name, colour in COLOURS.items():
        write_png(f"faces/{name}.png", 20, 20, bytes(colour) * 400)
    found = {name: f"{name}.png" for name in COLOURS}
    found["p3"] = "nothing.png"
    r = result()
    draw_confused("sheet.png", {"net": r, "a network": r}, "faces", found)
    with Image.open("sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"), int)
    left, half = LETTER * len("a network") + 2 * GAP, EACH * (2 * TILE + GAP)
    for k, chosen in enumerate(most_confused(r)):
        for column, i in enumerate(chosen):
            for side, name in enumerate(r["pair_names"][i]):
                x = left + k * (half + 2 * GAP) + column * (2 * TILE + GAP) + side * TILE
                got = tuple(sheet[HEAD + TILE // 2, x + TILE // 2])
                want = (255, 255, 255) if name == "p3" else COLOURS[name]
                expect(got == want, f"{k} {column} {name}: {got}, want {want}")
    draw_confused("none.png", {"net": dict(r, right=[1] * 24)}, "faces", found)


attempt_all(lambda: None, the_worst_come_first, every_pair_is_drawn)
summary()
