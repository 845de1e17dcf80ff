"""Scores of millions of pairs in blocks: the best distractors of each probe, and the largest scores
of pairs of two people. All scores are cosines; features are unit rows of float32."""
import numpy as np

from evaluation.statistics import Tail
from lib.errors import needs

needs("faiss")
import faiss

BLOCK = 1 << 16  # distractors in memory at a time
PROBES, OTHERS = 1024, 4096  # rows and columns of a block of scores


def unit(rows):
    """The rows with length 1, as float32; a row of zeros stays."""
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    return np.ascontiguousarray(rows / np.where(norms > 0, norms, 1)[:, None], np.float32)


def merge(scores, places, more, more_places, k):
    """The k best of two lists of each row, falling; of equal ones the first list's."""
    s, p = np.hstack([scores, more]), np.hstack([places, more_places])
    order = np.argsort(-s, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(s, order, 1), np.take_along_axis(p, order, 1)


def search(probes, blocks, k):
    """(scores, places) of the k best of all rows of the blocks for each probe, falling. blocks:
    (first place, unit rows). Fewer than k rows give fewer columns."""
    scores, places = np.empty((len(probes), 0), np.float32), np.empty((len(probes), 0), np.int64)
    for first, rows in blocks:
        if len(rows):
            s, p = faiss.knn(probes, rows, min(k, len(rows)), faiss.METRIC_INNER_PRODUCT)
            scores, places = merge(scores, places, s, p + first, k)
    return scores, places


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


def means(rows, person):
    """(sum of the rows of each person, the same as unit rows)."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    sums = np.add.reduceat(rows.astype(np.float64), starts, axis=0) if len(rows) else rows
    return sums, unit(sums)


def watch_list(probes, person, blocks):
    """(own, other, alarms) for statistics.open_set: the list has the mean of each person; a probe
    is compared with the mean of its person's other images and with all other people. Those not on
    the list are the rows of the blocks, or, when there are none, each probe with its own person
    taken off the list. Rows of people with one image search in vain, and are left out."""
    sums, gallery = means(probes, person)
    count = np.bincount(person, minlength=len(sums))
    has_more = count[person] > 1
    own = np.einsum("ij,ij->i", unit(sums[person] - probes), probes)
    two, who = search(probes, [(0, gallery)], min(2, len(gallery)))
    first_is_own = who[:, 0] == person
    other = np.where(first_is_own, two[:, 1], two[:, 0]) if len(gallery) > 1 else \
        np.full(len(probes), -np.inf, np.float32)
    alarms = [search(rows, [(0, gallery)], 1)[0][:, 0] for _, rows in blocks if len(rows)]
    return own[has_more], other[has_more], np.concatenate(alarms) if alarms else other, has_more
