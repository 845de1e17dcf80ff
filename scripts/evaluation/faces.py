"""Features of faces, from files or computed by `darknet embed`. Computed features are stored, and
used again while their inputs stay the same."""
import collections
import os
import re

import numpy as np

from evaluation.scores import BLOCK, unit
from lib import embeddings, fingerprints, skipping
from lib.errors import Failure
from lib.files import read_result, remove, write_json
from lib.lock import file_lock
from lib.text import counted, read_lines


class Network:
    """A cfg with its weights, and the options with which `darknet embed` computes features."""

    def __init__(self, cfg, weights, flip="none", threads=0, allow_broken=False):
        self.cfg, self.weights, self.flip, self.threads = cfg, weights, flip, threads
        self.allow_broken = allow_broken
        self.fingerprint = fingerprints.of_features(cfg, weights)
        self.name = os.path.splitext(os.path.basename(weights))[0]

    def embed(self, images, folder):
        """Computes the features of a folder or a list of images, unless they are stored. Returns
        the path of their file. Waits while another process computes features."""
        source = fingerprints.of_data(images)
        made = {"network": self.fingerprint, "flip": self.flip, "images": source,
                "darknet build": fingerprints.of_build()}
        stem = re.sub(r"[^\w.-]", "_", os.path.basename(os.path.abspath(images)))[:60]
        out = os.path.join(folder, f"{stem}-{fingerprints.digest(*sorted(made.items()))}.dnxe")
        broken = self.stored(out)
        if broken is None:
            with file_lock(os.path.join(folder, ".embeddings.lock")):
                broken = self.stored(out)
                if broken is None:
                    broken = self.compute(images, out)
                    write_json(out + ".json", dict(made, broken=broken))
        if broken:
            print(f"{images}: {counted(len(broken), 'broken image is', 'broken images are')} left "
                  "out" + fingerprints.listed(broken))
        return out

    def stored(self, out):
        """Returns a line for each broken image of the stored features in the file `out`. Returns
        None when the features must be computed."""
        record = os.path.exists(out) and read_result(out + ".json", "broken")
        return record["broken"] if record and (self.allow_broken or not record["broken"]) else None

    def compute(self, images, out):
        """Writes the features to `out`. Returns a line for each broken image. Raises a Failure for
        broken images unless allow_broken is true."""
        print(f"features of {images} by {self.name}", flush=True)
        for old in (out + ".json", out, out + ".skipped"):
            remove(old)
        broken = skipping.embed(self.cfg, self.weights, images, out, self.flip, self.threads)
        if broken and not (self.allow_broken and os.path.exists(out)):
            raise Failure(f"{images}: {counted(len(broken), 'image')} cannot be used "
                          "(--allow-broken leaves them out):" + fingerprints.listed(broken))
        return broken


class Source:
    """One input: a file of features, or a folder or list of images. self.file has the features.
    self.folder: the folder of images, or None. kept: the folder that stores computed features."""

    def __init__(self, path, network, kept):
        self.path, self.folder = path, path if os.path.isdir(path) else None
        if not os.path.exists(path):
            raise Failure(f"{path}: No such file or folder")
        if embeddings.is_embeddings(path):
            self.file = embeddings.Embeddings(path)
        elif network is None:
            raise Failure(f"{path}: is not a file of features; images need net.cfg net.weights in "
                          "front of them")
        else:
            self.file = embeddings.Embeddings(network.embed(path, kept))
        self.network = self.file.network
        if not self.file.count:
            raise Failure(f"{path}: has no features")
        self.index = np.arange(self.file.count)

    def names(self, first, end):
        """Returns the names of the faces `first` to `end` - 1."""
        return [self.file.names[i] for i in self.index[first:end]]

    def image(self, name):
        return os.path.join(self.folder, name) if self.folder else name


class Faces:
    """The features of several sources, numbered as one sequence. ignore() removes images."""

    def __init__(self, paths, network, kept):
        self.sources = [Source(p, network, kept) for p in paths]
        self.dim = self.sources[0].file.dim if self.sources else 0

    def __len__(self):
        return sum(len(s.index) for s in self.sources)

    def ignore(self, listed):
        """Removes the images whose name or path is in the set `listed`. Returns the entries of
        `listed` that belong to an image."""
        found = set()
        for s in self.sources:
            names = s.file.names
            hit = [i for i in s.index if names[i] in listed or s.image(names[i]) in listed]
            found.update({names[i] for i in hit} | {s.image(names[i]) for i in hit})
            s.index = np.setdiff1d(s.index, hit)
        return found & listed

    def blocks(self, size=BLOCK):
        """Yields (number of the first face, unit features of up to `size` faces) for all faces."""
        place = 0
        for s in self.sources:
            for first in range(0, s.file.count, size):
                n = min(size, s.file.count - first)
                lo, hi = np.searchsorted(s.index, (first, first + n))
                if lo == hi:
                    continue
                rows = s.file.rows(first, n)
                if hi - lo < n:
                    rows = rows[s.index[lo:hi] - first]
                embeddings.check(rows, s.path, s.names(lo, hi))
                yield place, unit(rows)
                place += hi - lo

    def take(self, places):
        """Returns the unit features of the faces with the numbers `places`, in this order."""
        out = np.empty((len(places), self.dim), np.float32)
        first = 0
        for s in self.sources:
            mine = (places >= first) & (places < first + len(s.index))
            if mine.any():
                out[mine] = s.file.take(s.index[places[mine] - first])
            first += len(s.index)
        return unit(out)

    def name(self, place):
        """Returns (name in the source, path of the image) of the face with the number `place`."""
        for s in self.sources:
            if place < len(s.index):
                name = s.file.names[s.index[place]]
                return name, s.image(name)
            place -= len(s.index)
        raise IndexError(place)


class Probes:
    """Images of known people; the folder of an image names its person. These arrays have one entry
    for each image, sorted by person: names, paths, person (a number), rows (unit features), lengths
    (of the features before scaling). people: the name of each person."""

    def __init__(self, faces):
        names = [faces.name(i) for i in range(len(faces))]
        loose = [n for n, _ in names if "/" not in n.strip("/")]
        if loose:
            raise Failure(f"{faces.sources[0].path}: {loose[0]} lies in no folder: the folder of a "
                          "probe is its person")
        twice = [n for n, k in collections.Counter(n for n, _ in names).items() if k > 1]
        if twice:
            raise Failure(f"{faces.sources[0].path}: {twice[0]} is given twice")
        owner = [n.rsplit("/", 1)[0] for n, _ in names]
        self.people, person = np.unique(owner, return_inverse=True) if owner else ([], [])
        order = np.argsort(person, kind="stable")
        self.person = np.asarray(person, np.int64)[order]
        self.names = [names[i][0] for i in order]
        self.paths = [names[i][1] for i in order]
        rows = [s.file.rows(0, s.file.count)[s.index] for s in faces.sources]
        for r, s in zip(rows, faces.sources):
            embeddings.check(r, s.path, s.names(0, len(s.index)))
        raw = np.concatenate(rows)[order] if rows else np.empty((0, 0), np.float32)
        self.lengths = np.sqrt((raw.astype(np.float64) ** 2).sum(1))
        self.rows = unit(raw)

    @property
    def images(self):
        return np.bincount(self.person, minlength=len(self.people))


def templates(probes, size, weighted):
    """Replaces each `size` images of a person by the mean of their unit features, as IJB does. The
    last mean may have fewer images. weighted: True when each feature counts by its length before
    scaling."""
    inside = np.arange(len(probes.person)) - np.searchsorted(probes.person, probes.person)
    first = np.flatnonzero(inside % size == 0)
    weight = probes.lengths if weighted else np.ones(len(probes.lengths))
    probes.rows = unit(np.add.reduceat(probes.rows * weight[:, None], first, axis=0))
    probes.person = probes.person[first]
    probes.names, probes.paths = ([v[i] for i in first] for v in (probes.names, probes.paths))
    probes.lengths = probes.lengths[first]


def check_once(paths):
    """Raises a Failure when a source is given twice, because its faces would count twice."""
    seen = set()
    for path in paths:
        if os.path.realpath(path) in seen:
            raise Failure(f"{path}: is given twice")
        seen.add(os.path.realpath(path))


def check_one_network(sources):
    """Raises a Failure when the sources have features of different networks."""
    for s in sources[1:]:
        if s.file.dim != sources[0].file.dim:
            raise Failure(f"{s.path}: features of {s.file.dim} numbers, {sources[0].path} has "
                          f"{sources[0].file.dim}: they are of different networks")
    known = [s for s in sources if s.network]
    for s in known[1:]:
        if s.network != known[0].network:
            raise Failure(f"{s.path}: features of network {s.network[0]}, flip {s.network[1]}, but "
                          f"{known[0].path} of {known[0].network[0]}, flip {known[0].network[1]}")


def equal_images(probes, distractors, scores, places):
    """Returns [(path of a probe, path of a distractor)] of equal images. scores, places: the scores
    and the numbers of each probe's best distractors."""
    found = []
    for i, k in zip(*np.nonzero(scores > .9999)):
        _, path = distractors.name(places[i, k])
        own = probes.paths[i]
        if os.path.isfile(own) and os.path.isfile(path):
            same = fingerprints.of_file(own) == fingerprints.of_file(path)
        else:
            same = scores[i, k] > 1 - 1e-6
        if same:
            found.append((own, path))
    return found


def read_ignored(path):
    listed = {line.strip() for line in read_lines(path)} - {""}
    if not listed:
        raise Failure(f"{path}: has no lines")
    return listed
