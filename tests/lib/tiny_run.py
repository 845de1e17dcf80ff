"""tiny_run.py - a tiny network and four images, so that thousands of updates take a second."""
import os

from common import write, write_png

NET = """[net]
batch=2
height=8
width=8
channels=3
learning_rate=0.01
max_batches={}
[convolutional]
filters=2
size=8
activation=linear
[softmax]
"""


def make_images():
    rows = []
    for i in range(4):
        path = os.path.abspath(f"images/person-{'ab'[i % 2]}{i}.png")
        write_png(path, 8, 8, bytes([60 * i, 20, 200 - 40 * i]) * 64)
        rows.append(path)
    write("train.list", "\n".join(rows) + "\n")
    write("labels", "person-a\nperson-b\n")
    write("t.data", "classes=2\ntrain=train.list\nlabels=labels\nbackup=out\n")
