"""Features of faces, from folders and lists of images (by `darknet embed`; they are kept, and used
again while network, weights and images are the same) or from files of features."""
import os
import re

import numpy as np

from evaluation.scores import BLOCK, unit
from lib import embeddings, fingerprints
from lib.errors import Failure
from lib.files import make_folder, read, read_result, remove, write_json
from lib.processes import darknet, run
from lib.text import read_lines


class Network:
    """A cfg with its weights, and how features are made of an image."""

    def __init__(self, cfg, weights, flip="none", threads=0, allow_broken=False):
        self.cfg, self.weights, self.flip, self.threads = cfg, weights, flip, threads
        self.allow_broken = allow_broken
        self.fingerprint = fingerprints.of_features(cfg, weights)
        self.name = os.path.splitext(os.path.basename(weights))[0]

    def embed(self, images, folder):
        """A file of features of a folder or a list of images, in `folder`."""
        source = fingerprints.of_data(images)
        made = {"network": self.fingerprint, "flip": self.flip, "images": source,
                "darknet build": fingerprints.of_build()}
        stem = re.sub(r"[^\w.-]", "_", os.path.basename(os.path.abspath(images)))[:60]
        out = os.path.join(folder, f"{stem}-{fingerprints.digest(*sorted(made.items()))}.dnxe")
        record = out + ".json"
        if os.path.exists(out) and read_result(record, "network"):
            return out
        make_folder(folder)
        remove(record)
        print(f"features of {images} by {self.name}", flush=True)
        remove(out)
        try:
            run([darknet(), "embed", self.cfg, self.weights, images, out]
                + (["-flip", self.flip] if self.flip != "none" else [])
                + (["-threads", str(self.threads)] if self.threads else []), capture=True)
        except Failure as e:
            if not os.path.exists(out + ".skipped"):
                raise
            bad = read(out + ".skipped").splitlines()
            if not self.allow_broken or not os.path.exists(out):
                raise Failure(f"{images}: {len(bad)} images cannot be used (--allow-broken leaves "
                              "them out):" + fingerprints.listed(bad)) from e
            print(f"{images}: {len(bad)} broken images are left out" + fingerprints.listed(bad))
        write_json(record, made)
        return out


def network_of(path):
    """What a record beside a file of features says of its network; None: there is none."""
    record = read_result(path + ".json", "network")
    return record and (record["network"], record.get("flip"))


class Source:
    """One input: its features in a file, and where its images lie, which may be unknown."""

    def __init__(self, path, network, kept):
        self.path, self.folder = path, path if os.path.isdir(path) else None
        if not os.path.exists(path):
            raise Failure(f"{path}: No such file or folder")
        if embeddings.is_embeddings(path):
            self.file = embeddings.Embeddings(path)
        elif network is None:
            raise Failure(f"{path}: is no file of features; images need net.cfg net.weights in "
                          "front of them")
        else:
            self.file = embeddings.Embeddings(network.embed(path, kept))
        self.network = network_of(self.file.path)
        if not self.file.count:
            raise Failure(f"{path}: has no features")
        self.index = np.arange(self.file.count)

    def image(self, name):
        return os.path.join(self.folder, name) if self.folder else name


class Faces:
    """The features of some sources, one after the other, without what is left out."""

    def __init__(self, paths, network, kept):
        self.sources = [Source(p, network, kept) for p in paths]
        self.dim = self.sources[0].file.dim if self.sources else 0

    def __len__(self):
        return sum(len(s.index) for s in self.sources)

    def ignore(self, listed):
        """Leaves out the images of a set of paths: as the source has them, or as they are on the
        disk. Returns those that were found."""
        found = set()
        for s in self.sources:
            names = s.file.names
            hit = [i for i in s.index if names[i] in listed or s.image(names[i]) in listed]
            found.update({names[i] for i in hit} | {s.image(names[i]) for i in hit})
            s.index = np.setdiff1d(s.index, hit)
        return found & listed

    def blocks(self, size=BLOCK):
        """(first place, unit rows) of all, a block at a time. NaN is a Failure."""
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
                check_finite(rows, s, s.index[lo:hi])
                yield place, unit(rows)
                place += hi - lo

    def take(self, places):
        """Unit rows of some places, in their order."""
        out = np.empty((len(places), self.dim), np.float32)
        first = 0
        for s in self.sources:
            mine = (places >= first) & (places < first + len(s.index))
            if mine.any():
                out[mine] = s.file.take(s.index[places[mine] - first])
            first += len(s.index)
        return unit(out)

    def name(self, place):
        """(name in its source, path of its image) of a place."""
        for s in self.sources:
            if place < len(s.index):
                name = s.file.names[s.index[place]]
                return name, s.image(name)
            place -= len(s.index)
        raise IndexError(place)


def check_finite(rows, source, index):
    odd = np.flatnonzero(~np.isfinite(rows).all(1))
    if odd.size:
        raise Failure(f"{source.path}: the features of {len(odd)} images are not finite numbers, "
                      f"of {source.file.names[index[odd[0]]]} for example")


class Probes:
    """Images with names of people: the folder in which an image lies. Sorted by person: names,
    paths, person (numbers that rise), people (their names), rows (unit), lengths (of the rows
    before they were made unit)."""

    def __init__(self, faces):
        names = [faces.name(i) for i in range(len(faces))]
        loose = [n for n, _ in names if "/" not in n.strip("/")]
        if loose:
            raise Failure(f"{faces.sources[0].path}: {loose[0]} lies in no folder: the folder of a "
                          "probe is its person")
        owner = [n.rsplit("/", 1)[0] for n, _ in names]
        self.people, person = np.unique(owner, return_inverse=True) if owner else ([], [])
        order = np.argsort(person, kind="stable")
        self.person = np.asarray(person, np.int64)[order]
        self.names = [names[i][0] for i in order]
        self.paths = [names[i][1] for i in order]
        rows = [s.file.rows(0, s.file.count)[s.index] for s in faces.sources]
        for r, s in zip(rows, faces.sources):
            check_finite(r, s, s.index)
        raw = np.concatenate(rows)[order] if rows else np.empty((0, 0), np.float32)
        self.lengths = np.sqrt((raw.astype(np.float64) ** 2).sum(1))
        self.rows = unit(raw)

    @property
    def images(self):
        """How many images each person has."""
        return np.bincount(self.person, minlength=len(self.people))


def templates(probes, size, weighted):
    """Makes one feature of each `size` images of a person, in the order of their names: the mean
    of the unit features, weighted by the lengths before or not. What is left over makes a smaller
    one. As the template protocol of IJB."""
    inside = np.arange(len(probes.person)) - np.searchsorted(probes.person, probes.person)
    first = np.flatnonzero(inside % size == 0)
    weight = probes.lengths if weighted else np.ones(len(probes.lengths))
    probes.rows = unit(np.add.reduceat(probes.rows * weight[:, None], first, axis=0))
    probes.person = probes.person[first]
    probes.names, probes.paths = ([v[i] for i in first] for v in (probes.names, probes.paths))
    probes.lengths = probes.lengths[first]


def check_one_network(sources):
    """Features of different networks cannot be compared."""
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
    """[(probe, distractor)] that are the same file, or, where there are no files, have the same
    features. scores, places: of the best distractors of each probe."""
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
