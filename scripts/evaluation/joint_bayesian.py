"""Joint Bayesian: Chen, Cao, Wang, Wen and Sun, "Bayesian Face Revisited: A Joint Formulation",
ECCV 2012. A feature is x = mu + eps. mu belongs to the person and is drawn from N(0, S_mu); eps
belongs to the image and is drawn from N(0, S_eps). The score of two faces rises with the likelihood
ratio between "one person" and "two people"."""
import numpy as np
from scipy.linalg import inv

RIDGE = 1e-6  # share of the mean variance that is added to both covariances to make them invertible


class JointBayesian:
    """First call fit(features, person), then scores(a, b) for rows a and b."""

    def __init__(self, rounds=20, tolerance=1e-4):
        self.rounds, self.tolerance = rounds, tolerance

    def fit(self, x, person):
        """Learns both covariances. x: n x d; person: the number of each row's person. At least one
        person must have two images."""
        x = np.asarray(x, float)
        self.mean = x.mean(0)
        x = x - self.mean
        _, person = np.unique(person, return_inverse=True)
        count = np.bincount(person)
        sums = np.zeros((len(count), x.shape[1]))
        np.add.at(sums, person, x)
        means = sums / count[:, None]
        within = (x - means[person])[count[person] > 1]
        self.s_mu, self.s_eps = self.ridge(means.T @ means / len(means)), \
            self.ridge(within.T @ within / len(within))
        for _ in range(self.rounds):
            mu, eps = self.expect(x, person, sums, count)
            before = self.s_mu, self.s_eps
            # the M step: the covariances of the expected mu and eps
            self.s_mu = self.ridge(mu.T @ mu / len(mu))
            self.s_eps = self.ridge(eps.T @ eps / len(eps))
            if max(np.linalg.norm(a - b) / np.linalg.norm(a)
                   for a, b in zip(before, (self.s_mu, self.s_eps))) < self.tolerance:
                break
        return self.prepare()

    @staticmethod
    def ridge(s):
        return s + RIDGE * np.trace(s) / len(s) * np.eye(len(s))

    def expect(self, x, person, sums, count):
        """The E step: the expected mu of each person and eps of each image (eq. 7 to 9).
        With F = S_eps^-1 and G = -(m S_mu + S_eps)^-1 S_mu S_eps^-1 for m images x_i:
        mu = sum_i S_mu (F + m G) x_i, eps_j = x_j + sum_i S_eps G x_i."""
        f = inv(self.s_eps)
        mu, shift = np.empty_like(sums), np.empty_like(sums)
        for m in np.unique(count):
            g = -inv(m * self.s_mu + self.s_eps) @ self.s_mu @ f
            of = count == m
            mu[of] = sums[of] @ (self.s_mu @ (f + m * g)).T
            shift[of] = sums[of] @ (self.s_eps @ g).T
        return mu, x + shift[person]

    def prepare(self):
        """Computes A and G of the log likelihood ratio (eq. 4 to 6)."""
        f = inv(self.s_eps)
        self.g = -inv(2 * self.s_mu + self.s_eps) @ self.s_mu @ f
        self.a = inv(self.s_mu + self.s_eps) - (f + self.g)
        return self

    def scores(self, one, two):
        """Returns r(x1, x2) = x1' A x1 + x2' A x2 - 2 x1' G x2 for each pair of rows. r is twice
        the log likelihood ratio, plus a constant."""
        one, two = np.asarray(one, float) - self.mean, np.asarray(two, float) - self.mean
        own = [np.einsum("ij,jk,ik->i", v, self.a, v, optimize=True) for v in (one, two)]
        return own[0] + own[1] - 2 * np.einsum("ij,jk,ik->i", one, self.g, two, optimize=True)
