"""A fingerprint describes the inputs of a result: {name of an input: text}. A stored result is used
again only when the fingerprints are equal."""
import functools
import hashlib
import os
import re

from lib.cfg_text import sections
from lib.errors import Failure
from lib.folders import walk
from lib.processes import checked, darknet, run

SMALL = 1 << 29  # bytes; in larger folders the files' sizes and times are compared, not contents
SHAPE = ("height", "width", "channels", "width_multiplier")
PATHS = ("teacher", "weights")  # cfg options with paths: the files' contents are compared instead


def digest(*parts):
    h = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape")
        h.update(len(data).to_bytes(8, "little") + data)
    return h.hexdigest()


def of_file(path):
    """Returns the size and a hash of a file's content. Reads an unchanged file only once."""
    try:
        s = os.stat(path)
        return content(os.path.realpath(path), s.st_size, s.st_mtime_ns)
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e


@functools.lru_cache(maxsize=None)
def content(path, size, _time):
    h = hashlib.blake2b(digest_size=8)
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return f"{size} bytes {h.hexdigest()}"


@functools.lru_cache(maxsize=None)
def of_folder(folder):
    """Returns a text with a hash of the names and contents of all visible files below a folder.
    In folders of more than SMALL bytes, sizes and times of files replace contents."""
    found = []
    for at, names in walk(folder):
        for name in names:
            path = os.path.join(at, name)
            try:
                found.append((os.path.relpath(path, folder), path, os.stat(path)))
            except OSError:
                found.append((os.path.relpath(path, folder), path, None))  # a broken link
    small = sum(s.st_size for _, _, s in found if s) <= SMALL
    h = hashlib.blake2b(digest_size=8)
    for name, path, s in found:
        about = s and (of_file(path) if small else f"{s.st_size} {s.st_mtime_ns}")
        h.update(f"{name}\0{about}\0".encode(errors="surrogateescape"))
    return f"{len(found)} files {h.hexdigest()}" + ("" if small else " by times")


def of_data(path):
    return of_folder(os.path.abspath(path)) if os.path.isdir(path) else of_file(path)


def of_build():
    return of_file(darknet())


@functools.lru_cache(maxsize=None)
def has_teacher(section):
    """Returns True when a layer type has the option teacher=. `darknet layers` is asked, because it
    also lists the types that a user has added by make LAYERS=."""
    try:
        return "\n  teacher " in run([darknet(), "layers", section], capture=True)
    except Failure:  # an unknown section: `darknet check` will refuse it
        return False


def of_cfg(text):
    """Returns {"[net] batch": value, "3 [convolutional] filters": value, ...}, without
    the paths of teachers' files."""
    got = {}
    for number, (name, body) in enumerate(sections(text)[1:]):
        where = f"[{name}]" if name == "net" else f"{number} [{name}]"
        got[where] = "there"
        for key, value in re.findall(r"(?m)^\s*(\w+)\s*=\s*([^#\n]*)", body):
            if key not in PATHS or not has_teacher(name):
                got[f"{where} {key}"] = value.strip()
    return got


def of_network(text):
    """Returns a digest of a network's layers and the shape of its input."""
    got = of_cfg(text)
    return digest(*sorted((k, v) for k, v in got.items()
                          if not k.startswith("[net] ") or k.split()[1] in SHAPE))


def of_features(cfg, weights):
    """Returns the fingerprint that `darknet check -json` prints. Networks with equal fingerprints
    compute equal features."""
    return checked(cfg, weights)["fingerprint"]


def differences(was, now):
    return [f"{k}: was {was.get(k, 'absent')}, is {now.get(k, 'absent')}"
            for k in sorted(set(was) | set(now)) if was.get(k) != now.get(k)]


def listed(lines, most=12):
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return "\n  ".join([""] + lines[:most] + more)
