"""A fingerprint describes the inputs of a result: {name of an input: text}. It is stored with the
result. A later call uses the result only when the fingerprints are equal."""
import functools
import hashlib
import os
import re

from lib.cfg_text import sections
from lib.errors import Failure
from lib.folders import walk
from lib.processes import checked, darknet

SMALL = 1 << 29  # bytes; for larger folders, sizes and times of files are compared, not contents
SHAPE = ("height", "width", "channels", "width_multiplier")
TAUGHT = ("net", "margin_softmax")  # sections that can name a teacher, besides kd_*
PATHS = ("teacher", "weights")  # cfg options with paths: the files' contents are compared instead


def digest(*parts):
    h = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape")
        h.update(len(data).to_bytes(8, "little") + data)
    return h.hexdigest()


def of_file(path):
    """Returns the size and a hash of a file's content as a text, `4090900 bytes 3b1f...`. The
    content of an unchanged file is read only once in a process."""
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
    """Returns a text with a hash of all visible files below a folder: of names and contents or,
    when the files have more than SMALL bytes, of names, sizes and times. Up to SMALL bytes, a
    folder keeps its fingerprint when it is moved or copied."""
    found = []
    for at, names in walk(folder):
        for name in names:
            path = os.path.join(at, name)
            try:
                found.append((os.path.relpath(path, folder), path, os.stat(path)))
            except OSError:
                found.append((os.path.relpath(path, folder), path, None))  # a link is broken
    small = sum(s.st_size for _, _, s in found if s) <= SMALL
    h = hashlib.blake2b(digest_size=8)
    for name, path, s in found:
        about = s and (of_file(path) if small else f"{s.st_size} {s.st_mtime_ns}")
        h.update(f"{name}\0{about}\0".encode(errors="surrogateescape"))
    return f"{len(found)} files {h.hexdigest()}" + ("" if small else " by times")


def of_data(path):
    """Returns the fingerprint of a folder of images, or of a file (a list, for example)."""
    return of_folder(os.path.abspath(path)) if os.path.isdir(path) else of_file(path)


def of_build():
    return of_file(darknet())


def of_cfg(text):
    """Returns {`[net] batch`: value, `3 [convolutional] filters`: value}; [net] is section 0.
    Comments, blanks, the order of options and the paths of teachers' files have no effect."""
    got = {}
    for number, (name, body) in enumerate(sections(text)[1:]):
        where = f"[{name}]" if name == "net" else f"{number} [{name}]"
        got[where] = "there"
        for key, value in re.findall(r"(?m)^\s*(\w+)\s*=\s*([^#\n]*)", body):
            if key not in PATHS or not name.startswith("kd_") and name not in TAUGHT:
                got[f"{where} {key}"] = value.strip()
    return got


def of_network(text):
    """Returns a digest of what a network computes: its layers and the shape of its input. Options
    of [net] that only training uses do not matter."""
    got = of_cfg(text)
    return digest(*sorted((k, v) for k, v in got.items()
                          if not k.startswith("[net] ") or k.split()[1] in SHAPE))


def of_features(cfg, weights):
    """Returns the fingerprint that `darknet check -json` prints: 16 hexadecimal digits. Networks
    with equal fingerprints compute equal features."""
    return checked(cfg, weights)["fingerprint"]


def differences(was, now):
    """Returns the differences of two fingerprints as a list of texts, `name: was A, is B`."""
    return [f"{k}: was {was.get(k, 'absent')}, is {now.get(k, 'absent')}"
            for k in sorted(set(was) | set(now)) if was.get(k) != now.get(k)]


def listed(lines, most=12):
    more = [f"... and {len(lines) - most} more"] if len(lines) > most else []
    return "\n  ".join([""] + lines[:most] + more)
