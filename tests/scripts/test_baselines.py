#!/usr/bin/python3
"""test_baselines.py - tests Joint Bayesian, chi-square, LBP and scripts/baselines.py."""
import json
import re
import sys

from os.path import abspath, dirname, join

sys.path.insert(0, join(dirname(dirname(abspath(__file__))), "lib"))
from common import (attempt_all, darknet, expect, expect_end, needed, needs, read,  # noqa: E402
                    script, summary, write)

needs("sklearn", "skimage", "PIL")
with needed():
    import numpy as np
    import scipy.stats
    from scipy.ndimage import gaussian_filter
import baselines  # noqa: E402
from evaluation import classical, hand_features  # noqa: E402
from evaluation.joint_bayesian import JointBayesian  # noqa: E402


def people(seed, n=40, d=4, most=4):
    """Draws features of n people. Returns the features, the person of each feature, the covariance
    of the people's means, and the covariance of a person's features around the mean."""
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=(d, d)), .6 * rng.normal(size=(d, d))
    person = np.repeat(np.arange(n), rng.integers(1, most + 1, n))
    mu = rng.normal(size=(n, d)) @ one
    return mu[person] + rng.normal(size=(len(person), d)) @ two, person, one.T @ one, two.T @ two


def naive_em(x, person, s_mu, s_eps, rounds):
    """Returns (s_mu, s_eps) of Joint Bayesian by naive EM: the covariances of people's means and of
    the deviations from them. own: the features of a person; h: the expected mean of the person,
    then the deviation of each image; big: the matrix with own = big h."""
    d = x.shape[1]
    for _ in range(rounds):
        mus, epses = [], []
        for p in np.unique(person):
            own = x[person == p]
            m = len(own)
            s_h = np.kron(np.eye(m + 1), s_eps)
            s_h[:d, :d] = s_mu
            big = np.hstack([np.tile(np.eye(d), (m, 1)), np.eye(m * d)])
            h = s_h @ big.T @ np.linalg.inv(big @ s_h @ big.T) @ own.ravel()
            mus.append(h[:d])
            epses += list(h[d:].reshape(m, d))
        s_mu, s_eps = (JointBayesian.ridge(np.array(v).T @ np.array(v) / len(v))
                       for v in (mus, epses))
    return s_mu, s_eps


def against_naive():
    x, person, _, _ = people(1)
    first = JointBayesian(rounds=0).fit(x, person)
    for rounds in (1, 5):
        got = JointBayesian(rounds, 0).fit(x, person)
        mu, eps = naive_em(x - x.mean(0), person, first.s_mu, first.s_eps, rounds)
        expect(np.allclose(got.s_mu, mu, rtol=1e-9) and np.allclose(got.s_eps, eps, rtol=1e-9),
               f"{rounds} rounds: {got.s_mu} for {mu}")


def likelihood_ratio():
    """The score is 2 log(density for one person / density for two people), plus a constant."""
    x, person, _, _ = people(2)
    model = JointBayesian(3).fit(x, person)
    total = model.s_mu + model.s_eps
    zero = np.zeros((4, 4))
    both = np.hstack([x[:20], x[20:40]]) - np.tile(model.mean, 2)
    log = [scipy.stats.multivariate_normal(
        np.zeros(8), np.block([[total, c], [c, total]])).logpdf(both) for c in (model.s_mu, zero)]
    off = model.scores(x[:20], x[20:40]) - 2 * (log[0] - log[1])
    expect(np.ptp(off) < 1e-8, f"the difference is not a constant: {off}")


def finds_the_model():
    x, person, s_mu, s_eps = people(3, 3000, 3, 6)
    got = JointBayesian(50).fit(x, person)
    for have, want in ((got.s_mu, s_mu), (got.s_eps, s_eps)):
        expect(np.linalg.norm(have - want) < .15 * np.linalg.norm(want), f"{have} for {want}")


def by_hand():
    a, b = np.array([[.5, .5, 0.], [1, 0, 0]]), np.array([[.5, 0, .5], [1, 0, 0]])
    expect(classical.chi_square(a, b).tolist() == [-1, 0], classical.chi_square(a, b))
    flat = hand_features.lbp(np.full((64, 64), .5, np.float32)).reshape(8, 8, 59)
    expect((flat[1:-1, 1:-1].max(2) == 1).all(), "a flat image has one pattern inside")
    noise = hand_features.lbp(np.random.default_rng(1).random((61, 67)).astype(np.float32))
    expect(np.allclose(noise.reshape(64, 59).sum(1), 1) and len(noise) == 3776, "histograms")
    grey = gaussian_filter(np.random.default_rng(2).random((64, 64)), 1).astype(np.float32)
    mirrored = hand_features.lbp(np.ascontiguousarray(grey[:, ::-1]))
    expect((hand_features.lbp(grey) == mirrored).all(), "the mirror image has other histograms")
    # `lit` is the same image in light from the right: the left edge has 30 % of the brightness
    lit = grey * np.linspace(.3, 1, 64, dtype=np.float32)
    even, plain = (-classical.chi_square(*(f.reshape(1, -1) for f in pair))[0] for pair in (
        (hand_features.lbp(grey), hand_features.lbp(lit)),
        tuple(hand_features.histograms((255 * v).astype(np.uint8)) for v in (grey, lit))))
    expect(even < 5 < plain, f"chi-square of one image in two lights: {even:.1f}; {plain:.1f}")
    raw = hand_features.raw(np.random.default_rng(1).random((50, 50)))
    expect(abs(raw.mean()) < 1e-5 and abs(raw.std() - 1) < 1e-4, "pixels")
    one, two = np.random.default_rng(4).random((2, 3, 64 * 59))
    far = classical.by_cell(one, two)
    expect(np.allclose(far.sum(1), -classical.chi_square(one, two)) and far.shape == (3, 64) and
           np.isclose(far[1, 5], -classical.chi_square(*(v[1:2, 5 * 59:6 * 59]
                                                         for v in (one, two)))[0]), "cells")
    s = classical.of_pairs(a, b)
    expect((s == classical.of_pairs(b, a)).all(), "features of a pair have an order")


def learned():
    """The methods that learn distinguish people who are not in their training data."""
    x, person, _, _ = people(5, 160, 30)
    x = x @ np.diag(np.linspace(3, .1, 30))
    trained = person < 100
    rng = np.random.default_rng(1)

    def pairs_of(which):
        one = np.flatnonzero(which)[:-1]
        one = one[person[one] == person[one + 1]]
        return (np.concatenate([one, one]), np.concatenate([one + 1, rng.choice(
            np.flatnonzero(which), len(one))]), np.arange(2 * len(one)) < len(one))

    for name, way in classical.WAYS.items():
        if way.learn is None or way.learn is classical.weighted:
            continue
        project, score = classical.fit(way, x[trained], person[trained], pairs_of(trained))
        one, two, same = pairs_of(~trained)
        got = score(project(x[one]), project(x[two]))
        right = np.mean(got[same][:, None] > got[~same])
        least = .6 if name == "dictionary" else .7
        expect(right > least, f"{name}: {right:.2f} of the scores are in order")


def weights_of_cells():
    """Only cells 5 and 20 of the 64 cells of an image differ between people. So learned weights of
    the cells must improve the scores."""
    rng = np.random.default_rng(6)
    own = rng.random((80, 64 * 8))
    x = rng.random((160, 64, 8))
    for cell in (5, 20):
        x[:, cell] = np.repeat(own[:, 8 * cell:8 * cell + 8], 2, 0) + .1 * rng.random((160, 8))
    x = x.reshape(160, -1)
    one, two = np.tile(np.arange(0, 160, 2), 2), np.concatenate([np.arange(1, 160, 2),
                                                                 np.roll(np.arange(1, 160, 2), 1)])
    same = np.arange(160) < 80
    train, test = (np.flatnonzero((np.arange(160) % 80 < 60) == part) for part in (True, False))
    _, score = classical.weighted(x, None, (one[train], two[train], same[train]))
    for name, got in (("weighted", score(x[one[test]], x[two[test]])),
                      ("plain", classical.chi_square(x[one[test]], x[two[test]]))):
        right = np.mean(got[same[test]][:, None] > got[~same[test]])
        expect((right > .95) == (name == "weighted"), f"{name}: {right:.2f} are in order")


def start():
    expect_end(darknet("synth", "syn", "-identities", "12", "-images", "5", "-size", "48", "-pairs",
                       "160"))
    lines = read("syn/pairs.txt").decode().split("\n")[1:161]
    halves = [[l for l in lines[80 * h:80 * h + 80] if l.count("\t") == n] for h in (0, 1)
              for n in (2, 3)]
    write("syn/two.txt", "\n".join(["2\t40", *sum(halves, [])]) + "\n")


def folds():
    """The training data of each fold has no person of its test pairs."""
    faces = baselines.Faces("syn/test", baselines.read_pairs("syn/pairs.txt"), ["raw"])
    for fold in np.unique(faces.fold):
        images, pairs = faces.training(fold)
        test = np.flatnonzero(faces.fold == fold)
        tested = set(faces.person[faces.one[test]]) | set(faces.person[faces.two[test]])
        expect(len(images) > 50 and not tested & set(faces.person[images]), f"fold {fold}")
        one, two, same = baselines.train_pairs(faces, images, pairs)
        expect((images[one] == faces.one[pairs]).all() and min(one.min(), two.min()) >= 0 and
               (same == faces.same[pairs]).all(), f"pairs of fold {fold}")


def whole_run():
    done = script("baselines.py", "syn/test", "syn/two.txt", "--out", "out", "--features",
                  "lbp")
    expect_end(done)
    rows = json.loads(read("out/results.json"))["rows"]
    wanted = [n for n, w in classical.WAYS.items() if "lbp" in w.features]
    expect([r["way"] for r in rows] == wanted, "other rows")
    expect(all(.4 < r["accuracy"] <= 1 and r["ms"] > 0 and len(r["right"]) == 160 for r in rows),
           [(r["way"], r["accuracy"]) for r in rows])
    expect("69.45 +- 0.48" in done.stdout and
           "nearest: 90.90 +- 1.48: combined Joint Bayesian" in done.stdout, done.stdout)
    for r in rows:
        expect(re.search(r"; .*; .* (19|20)\d\d|found for this protocol$", r["cited"]), r["cited"])
        expect(0 < r["auc"] <= 1, r["auc"])
    write("net.cfg", "[net]\nheight=48\nwidth=48\nchannels=3\n[convolutional]\nfilters=8\nsize=3\n"
          "stride=4\nactivation=linear\n[avgpool]\n")
    expect_end(darknet("init", "net.cfg", "net.weights"))
    expect_end(script("eval_lfw.py", "net.cfg", "net.weights", "syn/test", "syn/two.txt", "--out",
                      "lfw", "--no-pictures"))
    expect_end(script("baselines.py", "syn/test", "syn/two.txt", "--out", "net", "--features",
                      "raw", "--ways", "cosine", "--network", "small=lfw/results.json"))
    r = json.loads(read("net/results.json"))["rows"][0]
    expect(r["features"] == "small" and r["ms"] > 0 and r["bytes"] == 4 * 8, r)
    done = script("baselines.py", "syn/test", "syn/two.txt", "--out", "faces", "--faces",
                  "syn/train", "--features", "raw", "--ways", "cosine,pca,lda,pca+lda")
    expect_end(done)
    rows = json.loads(read("faces/results.json"))["rows"]
    expect([r["learned"] for r in rows] == ["nothing"] + ["--faces"] * 3, rows)


def mistakes():
    write("one.txt", "\n".join(["160"] + read("syn/pairs.txt").decode().split("\n")[1:]))
    write("bad.json", '{"accuracy": 1}')
    for words, status, text in (
            (("none", "syn/pairs.txt"), 1, "none: "),
            (("syn/test", "none.txt"), 1, "none.txt: cannot read: No such file"),
            (("syn/test", "syn/pairs.txt", "--ways", "cosine", "--features", "raw", "--network",
              "a=bad.json"), 1, 'bad.json: has no "standard_error"'),
            (("syn/test", "syn/pairs.txt", "--faces", "syn/test/none"), 1, "syn/test/none: "),
            (("syn/test", "syn/pairs.txt", "--ways", "knn"), 2, "knn is none of chi-square, ")):
        done = script("baselines.py", *words, "--out", "wrong")
        expect_end(done, status, text)
        expect("Traceback" not in done.stderr, done.stderr)


attempt_all(start, against_naive, likelihood_ratio, finds_the_model, by_hand, learned,
            weights_of_cells, folds, whole_run, mistakes)
summary()
