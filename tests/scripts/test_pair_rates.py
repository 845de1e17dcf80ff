#!/usr/bin/python3
"""test_pair_rates.py - compares ranks, TAR at FAR and a watch list with naive programs."""
import sys
import tracemalloc
import warnings

from os.path import abspath, dirname, join

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "lib"))
from common import attempt_all, expect, needed, needs, summary  # noqa: E402

needs("scipy", "faiss")
with needed():
    import numpy as np
from evaluation import (all_pairs, identification, scores, search, statistics,  # noqa: E402
                        threshold)
from lib.metrics import mcnemar, p_text  # noqa: E402

RATES, DIM = (.1, .01, 1e-3), 16


def random_faces(seed, people=200, others=300):
    """Returns features, the person of each feature, and features of distractors. All have length 1:
    16 numbers +-1/4. So sums are exact, and most scores are equal to others."""
    rng = np.random.default_rng(seed)
    person, rows = [], []
    for p in range(people):
        base = rng.choice((-.25, .25), DIM)
        for _ in range(rng.integers(1, 5)):
            row = base.copy()
            row[rng.integers(0, DIM, rng.integers(0, 4))] *= -1
            rows.append(row)
            person.append(p)
    d = rng.choice((-.25, .25), (others, DIM)).astype(np.float32)
    return np.array(rows, np.float32), np.array(person), d


def blocks(d, size=97):
    return [(i, d[i:i + size]) for i in range(0, len(d), size)]


def naive_threshold(bad, rate):
    """Returns the lowest of the scores `bad` with at most rate * len(bad) scores above it, and the
    number of scores above it."""
    best = (max(bad), 0)
    for v in sorted(set(bad)):
        above = sum(s > v for s in bad)
        if above <= rate * len(bad):
            return v, above
    return best


def pairs_of(rows, person, d):
    """Returns the genuine pairs, [(score, person)], and the impostor pairs, [(score, person, other
    person)], among the features `rows` and the distractors d."""
    good, bad, people = [], [], max(person) + 1
    for i in range(len(rows)):
        for j in range(i):
            s = float(np.dot(rows[i], rows[j]))
            if person[i] == person[j]:
                good.append((s, person[i]))
            else:
                bad.append((s, person[i], person[j]))
        bad += [(float(np.dot(rows[i], x)), person[i], people + k) for k, x in enumerate(d)]
    return good, bad


def verification():
    rows, person, d = random_faces(1)
    good, bad = pairs_of(rows, person, d)
    mine, a, _ = scores.genuine(rows, person)
    expect(sorted(mine) == sorted(s for s, _ in good), "other pairs of one person")
    images = np.bincount(person)
    expect(statistics.impostor_pairs(images, len(d)) == len(bad), "another count of pairs")
    for keep in (len(bad), int(RATES[0] * len(bad)) + 2):
        tail = scores.impostors(rows, person, blocks(d), keep)
        expect(list(tail[0]) == sorted((s for s, _, _ in bad), reverse=True)[:keep],
               "other largest scores")
        got = statistics.verification(mine, tail, len(bad), RATES)
        for rate in RATES:
            v, above = naive_threshold([s for s, _, _ in bad], rate)
            if above < 10:
                expect(got[rate] is None, f"{rate}: measured with {above}")
                continue
            tar = np.mean([s > v for s, _ in good])
            expect((got[rate]["tar"], got[rate]["false_matches"]) == (tar, above),
                   f"{rate}: {got[rate]}, naive {tar} {above}")
            expect(sum(s > got[rate]["threshold"] for s, _, _ in bad) == above, "another threshold")
    expect(got[RATES[0]] and got[1e-2], "nothing was compared")


def every_pair():
    rows, person, _ = random_faces(11, 300)
    names = [f"{p:03d}/{i}" for i, p in enumerate(person)]
    order = np.random.default_rng(1).permutation(len(names))
    got = all_pairs.all_pairs({names[i]: 3 * rows[i] for i in order}, .01, 50)
    good, bad = pairs_of(rows, person, [])
    v, above = naive_threshold([s for s, _, _ in bad], .01)
    expect((got["tar"], got["false_matches"], got["impostor_pairs"], got["people"]) ==
           (np.mean([s > v for s, _ in good]), above, len(bad), 300), got)
    expect(got["low"] < got["tar"] < got["high"] and len(got["draws"]) == 50, got)
    same = all_pairs.difference(got, all_pairs.mean([got, got]))
    expect(same["difference"] == 0 and same["p"] == 1, same)
    few = all_pairs.all_pairs({"a/1": [1, 0], "a/2": [1, 0], "b/1": [0, 1]})
    expect(few["tar"] is None and all_pairs.difference(got, few) is None, few)


def ranks():
    rows, person, d = random_faces(2)
    best, places = search.search(rows, blocks(d), 100)
    full = rows @ d.T
    expect((best == -np.sort(-full, 1)[:, :100]).all(), "other best scores")
    expect((np.take_along_axis(full, places, 1) == best).all(), "places of other scores")
    wanted = [1 + sum(float(np.dot(rows[i], x)) > float(np.dot(rows[i], rows[j])) for x in d)
              for i in range(len(rows)) for j in range(len(rows))
              if i != j and person[i] == person[j]]
    probes = type("P", (), {"rows": rows, "person": person})
    i, j = identification.trials(probes)
    got = statistics.ranks(np.einsum("ij,ij->i", rows[i], rows[j]), best[i])
    expect(len(got) == len(wanted), "another number of trials")
    expect(list(got) == [min(w, 101) for w in wanted], "other ranks")
    expect(min(wanted) == 1 and max(wanted) > 10, "the ranks are all alike")


def watch_list():
    """Compares a search in a watch list with a naive search. Scores may differ by 1e-6, because the
    script rounds mean features to float32."""
    for d in (random_faces(3)[2], np.empty((0, DIM), np.float32)):
        rows, person, _ = random_faces(3, 60)
        own, other, alarms, more = search.watch_list(rows, person, blocks(d))
        means = [rows[person == p].astype(float).sum(0) for p in range(person.max() + 1)]
        means = [m / max(np.linalg.norm(m), 1e-30) for m in means]
        at = 0
        for i in np.flatnonzero(np.bincount(person)[person] > 1):
            rest = rows[(person == person[i]) & (np.arange(len(rows)) != i)].astype(float).sum(0)
            rest /= max(np.linalg.norm(rest), 1e-30)
            expect(abs(own[at] - rest @ rows[i]) < 1e-6, f"search {i}: own score")
            want = max(m @ rows[i] for p, m in enumerate(means) if p != person[i])
            expect(abs(other[at] - want) < 1e-6, f"search {i}: {other[at]} for {want}")
            expect(more[i], "a person with two images is left out")
            at += 1
        expect(at == len(own) > 60, "another number of searches")
        wanted = [max(m @ x for m in means) for x in d] if len(d) else \
            [max(m @ x for p, m in enumerate(means) if p != q) for x, q in zip(rows, person)]
        expect(np.allclose(alarms, wanted, atol=1e-6), "other alarms")
    own, other = np.array([.9, .5, .5, .3]), np.array([.1, .5, .6, .1])
    got = statistics.open_set(own, other, np.arange(100) / 100, (.8, .1, .01))
    expect(got[.8]["threshold"] == .195 and got[.8]["fnir"] == .25, f"at .8: {got[.8]}")
    expect(got[.1]["threshold"] == .895 and got[.1]["fnir"] == .75, f"at .1: {got[.1]}")
    expect(got[.01] is None, "one alarm measures nothing")


def bootstrap():
    rows, person, d = random_faces(4, 40, 30)
    good, bad = pairs_of(rows, person, d)
    mine, a, _ = scores.genuine(rows, person)
    tail = scores.impostors(rows, person, blocks(d), len(bad))
    got = statistics.bootstrap_tar(mine, person[a], tail, np.bincount(person), len(d), (.1, .02), 5,
                                   20)
    for n in range(20):
        takes = np.random.default_rng((5, n)).random(40 + len(d)) < .5
        left = [s for s, p, q in bad if takes[p] and takes[q]]
        for rate in (.1, .02):
            v, _ = naive_threshold(left, rate)
            want = np.mean([s > v for s, p in good if takes[p]])
            expect(abs(got[rate][n] - want) < 1e-12, f"draw {n}: {got[rate][n]} for {want}")


def memory():
    keep, rng = 1 << 18, np.random.default_rng(12)
    some = rng.random((8, 1 << 16), np.float32)
    a, b = rng.integers(0, 100, 1 << 16, np.int32), rng.integers(100, 9999, 1 << 16, np.int32)
    tracemalloc.start()
    tail = statistics.Tail(keep)
    for s in some:
        tail.add(s, a, b)
    kept = tail.sorted()
    made = tracemalloc.get_traced_memory()[1] / keep
    tracemalloc.reset_peak()
    statistics.threshold_at(kept[0], .2, 1 << 19)
    statistics.pair_trials(kept[1], kept[2], np.full(100, 10), 9899)
    used = tracemalloc.get_traced_memory()[1] / keep
    tracemalloc.stop()
    expect((kept[0] == -np.sort(-some.ravel())[:keep]).all(), "other largest scores")
    expect(made < 30 and used < 60, f"{made:.0f} bytes a score, then {used:.0f}")


def effective_trials():
    """Effective trials are the number of independent trials with the same variance of the error
    rate. Compares them with a naive variance, and confidence intervals with a simulation."""
    rng = np.random.default_rng(6)
    images, others = np.array([3, 1, 2, 4]), 5
    errors = {(p, q): rng.integers(0, 3) for p in range(4) for q in range(p + 1, 4 + others)}
    m = {(p, q): images[p] * (images[q] if q < 4 else 1) for p, q in errors}
    a, b = zip(*[pq for pq, n in errors.items() for _ in range(n)])
    p = len(a) / sum(m.values())
    r = {pq: errors[pq] - p * m[pq] for pq in errors}
    shared = sum(r[x] * r[y] for x in r for y in r if x != y and set(x) & set(y))
    var = (sum(v * v for v in r.values()) + max(0, shared)) / sum(m.values()) ** 2
    got = statistics.pair_trials(b, a, images, others)
    expect(abs(got - p * (1 - p) / var) < 1e-9 * got, f"{got} trials for {p * (1 - p) / var}")
    # This list has several pairs of the same two people, and pairs of one person.
    some = rng.integers(0, 6, (60, 2)).tolist()
    wrong = np.array([p * q in (0, 15) for p, q in some])
    left = wrong - wrong.mean()
    shared = sum(left[x] * left[y] for x in range(60) for y in range(60)
                 if x != y and set(some[x]) & set(some[y]))
    one = statistics.listed_trials(*zip(*some), wrong)
    want = wrong.mean() * (1 - wrong.mean()) / ((left @ left + max(0, shared)) / 60 ** 2)
    expect(shared > 0 and abs(one - want) < 1e-9 * want, f"{one} trials of a list for {want}")
    expect(statistics.people_trials([0, 0, 0], [5, 6, 0]) == 2, "without errors the people count")
    # The error rate depends on the person: it is .1 or .5, and .3 on average. Further images of
    # the same person then add little information.
    inside = 0
    for _ in range(400):
        kind = rng.choice((.1, .5), 40)
        n = rng.integers(5, 40, 40)
        e = rng.binomial(n, kind)
        low, high = statistics.wilson(e.sum() / n.sum(), statistics.people_trials(e, n))
        inside += low <= .3 <= high
    expect(360 <= inside <= 397, f"{inside} of 400 intervals of 95 % have the rate inside")


def false_match_interval():
    """The interval of 95 % contains the true rate in at least 270 of 300 draws, although people
    differ in how often they are confused."""
    rng, inside, narrow = np.random.default_rng(7), 0, 0
    i, j = np.triu_indices(60, 1)
    for _ in range(300):
        odds = rng.choice((.5, 1.5), 60)
        errors = rng.random(len(i)) < .1 * odds[i] * odds[j]
        trials = statistics.listed_trials(i, j, errors)
        equal = statistics.pair_trials(i[errors], j[errors], np.ones(60))
        expect(abs(trials - equal) < 1e-6 * trials, "the two forms differ")
        low, high = statistics.wilson(errors.mean(), trials)
        inside += low <= .1 <= high
        low, high = statistics.wilson(errors.mean(), len(errors))
        narrow += low <= .1 <= high
    expect(inside >= 270 and narrow < inside - 15, f"{inside} and {narrow} of 300 have the rate")


def thresholds():
    falling = np.array([.9, .8, .8, .8, .5, .1], np.float32)
    for k, want in ((0, (.9 + 1e-6, 0)), (1, (.85, 1)), (2, (.85, 1)), (3, (.85, 1)),
                    (4, (.65, 4)), (5, (.3, 5)), (6, None)):
        got = statistics.threshold_at(falling, k / 6, 6)
        expect(got[0] is None if want is None else
               abs(got[0] - want[0]) < 1e-6 and got[1] == want[1], f"{k} of 6: {got}")
    names = [(f"p{i}/a", f"p{i + i % 2 * (1 + i % 3)}/b") for i in range(400)]
    same = np.arange(400) % 2 == 0
    cosines = np.where(same, .5 + np.arange(400) / 1000, np.arange(400) / 1000)
    got, counts = threshold.of_pairs(cosines, same, names, .1)
    expect(got["false_matches"] == 20 and counts["impostor_pairs"] == 200, f"{got}")
    expect(((cosines > got["threshold"]) & ~same).sum() == 20, "what the threshold accepts")
    expect(got["false_match_low"] < .1 < got["false_match_high"], f"{got}")
    expect(threshold.of_pairs(cosines, same, names, .01)[0] is None, "two matches measure nothing")
    two = [("ab"[i // 2 % 2], ("ba", "ab")[s][i // 2 % 2]) for i, s in enumerate(same.tolist())]
    for what, folders, people in (("two people", two, 2), ("no people", [("x", "x")] * 400, 200),
                                  ("three poses", [("x", "yz"[i % 2]) for i in range(400)], 200)):
        names = [(f"{a}/{i}.jpg", f"{b}/{i + 1}.jpg") for i, (a, b) in enumerate(folders)]
        got = threshold.of_pairs(cosines, same, names, .1)[1]["people"]
        expect(got == people, f"folders of {what}: {got} people")


def many_trials():
    """mcnemar() handles networks that differ in thousands of trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = mcnemar([1] * 10 + [0] * 20000, [0] * 10 + [1] * 20000)
    expect(got[:2] == (10, 20000) and got[2] < 1e-16 and p_text(got[2]) == "<1e-16", got)


attempt_all(lambda: None, verification, every_pair, ranks, watch_list, bootstrap, memory,
            effective_trials, false_match_interval, thresholds, many_trials)
summary()
