"""Classical methods that compare the features of two faces. The table WAYS lists them."""
import dataclasses
import warnings

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import nnls

from evaluation.hand_features import CELLS
from evaluation.joint_bayesian import JointBayesian
from lib.errors import needs
from lib.metrics import cosine

needs("sklearn")
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

SEED = 1
LENGTH = 200  # the most numbers that a projection keeps of a feature
FEW = 100  # the most numbers that PCA keeps of a feature, for SVMs and dictionaries
SHRINK = .1
ATOMS, NONZERO = 256, 10  # atoms of a dictionary; nonzero numbers in a sparse code


def chi_squares(a, b):
    """Returns (a - b)^2 / (a + b) for each number; 0 where a + b = 0."""
    total = a + b
    return np.where(total > 0, (a - b) ** 2 / np.where(total > 0, total, 1), 0)


def chi_square(a, b):
    """Returns -sum((a - b)^2 / (a + b)) for each pair of rows. Larger means more similar."""
    return -chi_squares(a, b).sum(1)


def by_cell(a, b):
    """Returns the chi-square distance of a and b in each of the CELLS x CELLS cells. a, b: rows of
    histograms; result: n x CELLS*CELLS."""
    return chi_squares(a, b).reshape(len(a), CELLS * CELLS, -1).sum(2)


def weighted(x, person, pairs):
    """Returns (projection, score): chi-square with a weight for each cell, as in Ahonen et al.
    Non-negative least squares choose the weights so that the weighted distance of a pair is near 0
    for one person and near 1 for two people."""
    one, two, same = pairs
    far = by_cell(x[one], x[two])
    weights = nnls(far - far.mean(0), same.mean() - same)[0]
    return (lambda v: v), lambda a, b: -by_cell(a, b) @ weights


def pca(x, person, pairs, n=LENGTH, whiten=False):
    return PCA(min(n, *x.shape), whiten=whiten, svd_solver="randomized",
               random_state=SEED).fit(x).transform


def lda(x, person, pairs):
    """Returns the projection on Fisher's discriminants, learned from people with several images.
    The covariance within a person can be singular, so SHRINK times its mean variance is added to
    its diagonal."""
    _, number, count = np.unique(person, return_inverse=True, return_counts=True)
    x = x[count[number] > 1]
    _, number, count = np.unique(number[count[number] > 1], return_inverse=True,
                                 return_counts=True)
    middle, d = x.mean(0, dtype=float), x.shape[1]
    means = np.zeros((len(count), d))
    np.add.at(means, number, x - middle)
    means /= count[:, None]
    rest = x - middle - means[number]
    within = rest.T @ rest / len(rest)
    within += SHRINK * np.trace(within) / d * np.eye(d)
    n = min(LENGTH, len(count) - 1, d)
    axes = eigh(means.T @ means / len(means), within, subset_by_index=(d - n, d - 1))[1]
    return lambda v: (v - middle) @ axes


def pca_lda(x, person, pairs):
    first = pca(x, person, pairs)
    second = lda(first(x), person, pairs)
    return lambda v: second(first(v))


def dictionary(x, person, pairs):
    """Returns a projection: PCA, then sparse codes over a learned dictionary."""
    first = pca(x, person, pairs, FEW)
    short = first(x)
    learned = MiniBatchDictionaryLearning(
        min(ATOMS, len(x)), max_iter=20, batch_size=256, transform_algorithm="omp",
        transform_n_nonzero_coefs=min(NONZERO, short.shape[1]), random_state=SEED).fit(short)

    def codes(v):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sklearn warns if fewer atoms than NONZERO suffice
            return learned.transform(first(v))
    return codes


def joint(x, person, pairs):
    first = pca(x, person, pairs)
    model = JointBayesian().fit(first(x), person)
    return first, model.scores


def of_pairs(a, b):
    """Returns features of pairs of rows. They are the same for (a, b) and (b, a)."""
    return np.hstack([np.abs(a - b), a * b])


def svm(kernel):
    def learn(x, person, pairs):
        first = pca(x, person, pairs, FEW, True)
        short = first(x)
        one, two, same = pairs
        machine = make_pipeline(StandardScaler(), LinearSVC(C=.01, random_state=SEED, dual=False)
                                if kernel == "linear" else SVC(C=1, random_state=SEED))
        machine.fit(of_pairs(short[one], short[two]), same)
        return first, lambda a, b: machine.decision_function(of_pairs(a, b))
    return learn


@dataclasses.dataclass(frozen=True)
class Way:
    features: tuple  # names in hand_features.FEATURES
    learn: object = None  # function(x, person, pairs): returns a projection, or (projection, score)
    score: object = cosine  # function of two matrices: one score for each pair of rows
    of_pairs: bool = False  # learn() needs pairs, not single faces


WAYS = {
    "chi-square": Way(("lbp",), score=chi_square),
    "chi-square-weighted": Way(("lbp",), weighted, of_pairs=True),
    "cosine": Way(("lbp", "hog", "raw")),
    "pca": Way(("lbp", "hog", "raw"), pca),
    "lda": Way(("raw",), lda),
    "pca+lda": Way(("lbp", "hog", "raw"), pca_lda),
    "joint-bayesian": Way(("lbp", "hog"), joint),
    "svm-linear": Way(("lbp",), svm("linear"), of_pairs=True),
    "svm-rbf": Way(("lbp",), svm("rbf"), of_pairs=True),
    "dictionary": Way(("lbp",), dictionary),
}


def fit(way, x, person, pairs):
    """Trains a method and returns (projection, score). x: rows of features; person: the person of
    each row; pairs: (indices in x, indices in x, True for the same person), or None."""
    if way.learn is None:
        return (lambda v: v), way.score
    learned = way.learn(x, person, pairs)
    return learned if isinstance(learned, tuple) else (learned, way.score)
