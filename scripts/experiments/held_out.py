"""Sets aside identities of the training faces, to choose loss weights on their pairs."""
import bisect
import itertools
import os
import random

from experiments.data import Data, Faces, Pairs
from lib import fingerprints
from lib.errors import Failure
from lib.files import write
from lib.folders import identities, is_image

FOLDS = 10
SEED = 1  # for drawing identities and pairs


def images_by_identity(faces):
    return {name: sorted(n for n in os.listdir(os.path.join(faces, name)) if is_image(n))
            for name in identities(faces)}


class OtherPairs:
    """All pairs of images of two different people, as (person, image, person, image). A pair is
    made when it is read: thousands of people have billions of pairs."""

    def __init__(self, images, people):
        self.images = images
        self.couples = list(itertools.combinations(people, 2))
        # the number of pairs of the couples up to each one
        self.ends = list(itertools.accumulate(len(images[p]) * len(images[q])
                                              for p, q in self.couples))

    def __len__(self):
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, k):
        at = bisect.bisect_right(self.ends, k)
        p, q = self.couples[at]
        a, b = divmod(k - (self.ends[at - 1] if at else 0), len(self.images[q]))
        return p, self.images[p][a], q, self.images[q][b]


def draw_pairs(images, count, r):
    """Draws at most count / 2 pairs of one person, and equally many of two people. No person is in
    two folds. Returns lines `IMAGE IMAGE SAME FOLD`. images: {identity: files}."""
    names = sorted(images)
    r.shuffle(names)
    folds = [names[f::FOLDS] for f in range(FOLDS)]
    lines = []
    for fold, people in enumerate(folds):
        same = [(p, a, p, b) for p in people for i, a in enumerate(images[p])
                for b in images[p][i + 1:]]
        other = OtherPairs(images, people)
        each = min(count // (2 * FOLDS), len(same), len(other))
        for pairs, flag in ((same, 1), (other, 0)):
            drawn = [pairs[k] for k in r.sample(range(len(pairs)), each)]
            lines += [f"{p}/{a}\t{q}/{b}\t{flag}\t{fold + 1}" for p, a, q, b in sorted(drawn)]
    return lines


def hold_out(args, faces, count, pairs):
    """Sets aside `count` identities. Returns a Data with the images of the other identities, and
    `pairs` test pairs of the people set aside. Writes the files of the Data into --out."""
    images = images_by_identity(faces)
    if not 2 * FOLDS <= count <= len(images) - 2:
        raise Failure(f"--held-out {count}: must be from {2 * FOLDS} to {len(images) - 2}, two "
                      f"less than the identities of {faces}")
    r = random.Random(SEED)
    out = set(r.sample(sorted(images), count))
    left = [name for name in images if name not in out]
    lists, data, tested = (os.path.join(args.out, "development" + end)
                           for end in (".txt", ".data", "-pairs.txt"))
    lines = [f"{os.path.join(faces, name, i)}\t{number}" for number, name in enumerate(left)
             for i in images[name]]
    drawn = draw_pairs({name: images[name] for name in out}, pairs, r)
    write(lists, "".join(line + "\n" for line in lines))
    write(tested, "".join(line + "\n" for line in drawn))
    write(data, f"classes={len(left)}\ntrain={lists}\nbackup={args.out}\n")
    source = {"faces": fingerprints.of_folder(faces),
              "held out": fingerprints.digest(*sorted(out))}
    rest = Faces(data, len(lines), source)
    return Data("development faces", len(left), rest, rest,
                Pairs(faces, tested, f"{count} identities held out"))
