"""Computes the scores of millions of pairs: cosines of features, float32 rows with norm 1."""
import numpy as np

from evaluation.statistics import Tail

BLOCK = 1 << 16  # distractors in memory at a time
DEPTH = 4  # for bootstrap draws, 4 times as many impostor scores are kept as a FAR needs
PROBES, OTHERS = 1024, 4096  # rows and columns of a block of scores


def unit(rows):
    """Returns the rows scaled to length 1, as float32. A row of zeros stays as it is."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    out = np.empty(rows.shape, np.float32)
    return np.divide(rows, np.where(norms > 0, norms, 1)[:, None], out, casting="same_kind")


def genuine(probes, person):
    """Returns (scores, a, b) of all pairs of rows a < b of one person. person must be sorted."""
    scores, a, b = [], [], []
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    for first, end in zip(starts, np.append(starts[1:], len(person))):
        i, j = np.triu_indices(end - first, 1)
        rows = probes[first:end]
        scores.append((rows @ rows.T)[i, j])
        a.append(i + first)
        b.append(j + first)
    empty = [np.empty(0, int)]
    return (np.concatenate(scores or [np.empty(0, np.float32)]), np.concatenate(a or empty),
            np.concatenate(b or empty))


def impostors(probes, person, blocks, keep):
    """Returns (scores, a, b) of the `keep` largest impostor scores, by falling score. a, b: the
    people of each pair; a distractor counts as a person. An impostor pair is two probes of two
    people, or a probe and a distractor. blocks: the distractors as Faces.blocks() yields them."""
    tail, people = Tail(keep), int(person.max()) + 1 if len(person) else 0

    def add(rows, columns, of_row, of_column, upper):
        s = rows @ columns.T
        at = s > tail.bound
        if upper is not None:
            at &= upper
        i, j = np.nonzero(at)
        tail.add(s[i, j], of_row[i], of_column[j])

    for first in range(0, len(probes), PROBES):
        rows, mine = probes[first:first + PROBES], person[first:first + PROBES]
        for at in range(first, len(probes), OTHERS):
            theirs = person[at:at + OTHERS]
            # The rows are sorted by person. The mask takes each pair of two people once: with the
            # earlier person in the row and the later person in the column.
            add(rows, probes[at:at + OTHERS], mine, theirs, theirs[None] > mine[:, None])
    for first, rows in blocks:
        numbers = np.arange(people + first, people + first + len(rows), dtype=np.int32)
        for at in range(0, len(rows), OTHERS):
            for p in range(0, len(probes), PROBES):
                add(probes[p:p + PROBES], rows[at:at + OTHERS], person[p:p + PROBES],
                    numbers[at:at + OTHERS], None)
    return tail.sorted()


def sample(probes, person, others, seed, most=1000):
    """Returns the scores of random impostor pairs, for a picture of their distribution."""
    rng = np.random.default_rng(seed)
    mine = rng.choice(len(probes), min(most, len(probes)), replace=False)
    if len(others):
        places = np.sort(rng.choice(len(others), min(most, len(others)), replace=False))
        return (probes[mine] @ others.take(places).T).ravel()
    s, two = probes[mine] @ probes[mine].T, person[mine][:, None] < person[mine]
    return s[two]
