"""Exact search with Faiss: the best rows for each probe, and search in a watch list."""
import numpy as np

from evaluation.scores import unit
from lib.errors import needs

needs("faiss")
import faiss


def merge(scores, places, more, more_places, k):
    """Merges two lists of scores for each probe and returns the k best, by falling score."""
    s, p = np.hstack([scores, more]), np.hstack([places, more_places])
    order = np.argsort(-s, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(s, order, 1), np.take_along_axis(p, order, 1)


def search(probes, blocks, k):
    """Returns (scores, row numbers) of the k best rows for each probe, by falling score. blocks
    yields (number of the first row, unit rows)."""
    scores, places = np.empty((len(probes), 0), np.float32), np.empty((len(probes), 0), np.int64)
    for first, rows in blocks:
        if len(rows):
            s, p = faiss.knn(probes, rows, min(k, len(rows)), faiss.METRIC_INNER_PRODUCT)
            scores, places = merge(scores, places, s, p + first, k)
    return scores, places


def means(rows, person):
    """Returns (the sum of the rows of each person, the sums scaled to length 1)."""
    starts = np.flatnonzero(np.diff(person, prepend=-1))
    sums = np.add.reduceat(rows.astype(np.float64), starts, axis=0) if len(rows) else rows
    return sums, unit(sums)


def watch_list(probes, person, blocks):
    """Searches a watch list that has the mean feature of each person. Returns (own, other, alarms,
    has_more).
    own: the score of a probe with the mean of the other images of its person.
    other: the best score of a probe with another person of the list.
    alarms: the best score of each distractor; without distractors, `other` of all probes.
    has_more: True for probes whose person has more images; only these are in own and other."""
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
