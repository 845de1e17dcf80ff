"""Exact search by Faiss: the best rows for each probe, and a watch list."""
import numpy as np

from evaluation.scores import unit
from lib.errors import needs

needs("faiss")
import faiss


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
