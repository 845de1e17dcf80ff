"""Scores of millions of pairs in blocks: those of one person, and the largest of two people. All
scores are cosines; features are unit rows of float32."""
import numpy as np

from evaluation.statistics import Tail

BLOCK = 1 << 16  # distractors in memory at a time
DEPTH = 4  # of the tail of impostors: times what the highest rate needs, for the bootstrap
PROBES, OTHERS = 1024, 4096  # rows and columns of a block of scores


def unit(rows):
    """The rows with length 1, as float32; a row of zeros stays."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return np.ascontiguousarray(rows / np.where(norms > 0, norms, 1)[:, None], np.float32)


def genuine(probes, person):
    """(scores, a, b): of all pairs of one person, a < b; person: rising."""
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
    """The `keep` largest scores of two people, as Tail.sorted(): of all pairs of probes of two
    people, and of each probe with each row of the blocks, which are numbered from the number of
    people on."""
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
            # person rises: of two people the later one stands in the column
            add(rows, probes[at:at + OTHERS], mine, theirs, theirs[None] > mine[:, None])
    for first, rows in blocks:
        numbers = np.arange(people + first, people + first + len(rows), dtype=np.int32)
        for at in range(0, len(rows), OTHERS):
            for p in range(0, len(probes), PROBES):
                add(probes[p:p + PROBES], rows[at:at + OTHERS], person[p:p + PROBES],
                    numbers[at:at + OTHERS], None)
    return tail.sorted()


def sample(probes, person, others, seed, most=1000):
    """Scores of random pairs of two people, for a picture of their distribution."""
    rng = np.random.default_rng(seed)
    mine = rng.choice(len(probes), min(most, len(probes)), replace=False)
    if len(others):
        places = np.sort(rng.choice(len(others), min(most, len(others)), replace=False))
        return (probes[mine] @ others.take(places).T).ravel()
    s, two = probes[mine] @ probes[mine].T, person[mine][:, None] < person[mine]
    return s[two]
