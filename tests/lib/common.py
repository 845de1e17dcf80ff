"""common.py - helpers for tests in Python. Each check(), and each function that attempt() runs,
prints one TAP line for `prove`."""
import contextlib
import csv
import fcntl
import importlib.util
import os
import struct
import subprocess
import sys
import tempfile
import time
import traceback

from pictures import png_file

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
DARKNET = os.path.abspath(os.environ.get("DARKNET_BIN") or os.path.join(ROOT, "bin", "darknet"))
TEST = os.path.splitext(os.path.basename(sys.argv[0]))[0]
sys.path.insert(0, SCRIPTS)
count = {"passed": 0, "failed": 0, "skipped": 0}


class Wrong(Exception):
    """Raised by a test function that has failed; the text is the reason."""


class Skipped(Exception):
    """Raised by a test function that cannot run on this machine; the text is the reason."""


def report(ok, what, *details):
    """Counts a check and prints its TAP line. When the check failed, first prints the details."""
    count["passed" if ok else "failed"] += 1
    for text in () if ok else details:
        print("# " + str(text).replace("\n", "\n#   "))
    number = count["passed"] + count["failed"] + count["skipped"]
    name = " ".join(str(what).split()).replace("#", "")[:120]
    print(f"{'ok' if ok else 'not ok'} {number} - {name}", flush=True)


def check(ok, what, *got):
    """Counts a check and prints its TAP line. After a failure also prints the values `got`."""
    report(ok, what, *(f"got {g!r}" for g in got))


def expect(condition, text):
    if not condition:
        raise Wrong(text)


def expect_end(done, status=0, *texts):
    """Checks the exit status of a finished command, and that its stderr contains all texts."""
    expect(done.returncode == status,
           f"{done.args}: exit status {done.returncode}: {done.stderr[-800:]}")
    for text in texts:
        expect(text in done.stderr, f"{done.args}: no '{text}' in: {done.stderr}")


def skip(what, why):
    count["skipped"] += 1
    print(f"ok {sum(count.values())} - {what} # SKIP {why}", flush=True)


def attempt(name, test, *args):
    """Runs test(*args) as one check, which fails when the function raises an exception other than
    Skipped. The option -v prints the seconds that the function took."""
    start = time.time()
    try:
        test(*args)
        report(True, name)
    except Skipped as e:
        skip(name, e)
    except Wrong as e:
        report(False, name, e)
    except Exception:  # pylint: disable=broad-except
        report(False, name, traceback.format_exc())
    if "-v" in sys.argv[1:]:
        print(f"# {name}: {time.time() - start:.1f} s", flush=True)


def attempt_all(start, *tests):
    """Runs start() and the tests in one new temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        start()
        for test in tests:
            attempt(test.__name__, test)
        os.chdir(ROOT)


PEAK = """import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, used = os.wait4(pid, 0)
print(status, used.ru_maxrss * 1024)"""


def peak_memory(*words):
    """Runs darknet with these arguments, and returns its largest memory in bytes. Linux includes
    the memory of the process that starts darknet. So a small Python without packages starts it."""
    status, peak = map(int, run(sys.executable, "-S", "-c", PEAK, DARKNET, *words).stdout.split())
    expect(status == 0, f"{words}: status {status}")
    return peak


def skip_sanitizer():
    if b"__asan_init" in read(DARKNET):
        raise Skipped("the address sanitizer takes memory of its own")


def summary():
    """Prints the last TAP lines and ends the program. A test without checks fails."""
    if not any(count.values()):
        report(False, "nothing was checked")
    print(f"1..{sum(count.values())}")
    print("# {0} checks: {passed} passed, {failed} failed, {skipped} skipped".format(
        sum(count.values()), **count))
    sys.exit(count["failed"] > 0)


def skip_all(why, tests=1):
    """Counts `tests` skipped checks with the reason `why`, and ends the program."""
    for _ in range(tests):
        skip(TEST, why)
    summary()


OPTIONAL = {"numpy", "scipy", "PIL", "matplotlib", "torch", "onnx", "onnxruntime", "cv2",
            "faiss", "sklearn", "skimage"}


@contextlib.contextmanager
def needed():
    """Skips the whole test file when an import in the `with` block lacks an OPTIONAL module."""
    try:
        yield
    except ModuleNotFoundError as e:
        if e.name not in OPTIONAL:
            raise
        skip_all(f"{e.name} is not installed")


def has(module):
    return importlib.util.find_spec(module) is not None


def needs(*modules):
    with needed():
        for module in modules:
            importlib.import_module(module)


# ---- commands ----

def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False,
                          **more)


def darknet(*words, **more):
    return run(DARKNET, *words, **more)


def script(name, *words, **more):
    return run(sys.executable, os.path.join(SCRIPTS, name), *words, **more)


def make(*words, **more):
    """Runs make in the project's folder. Tests run beside each other, and two of them may need the
    same program. So only one make runs at a time: a second one would link a program anew while
    the first test already runs it."""
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "tests.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run("make", *words, cwd=ROOT, **more)


def program(name):
    """Builds a C program of tests/, such as "unit/test_kd". Returns its path."""
    obj = os.environ.get("OBJ") or make("-s", "print-obj").stdout.strip()
    built = os.path.join(obj, "tests", name)
    made = make("-s", built)
    expect(made.returncode == 0, f"{name} does not build: {made.stderr}")
    return os.path.join(ROOT, built)


def raw(cfg, weights, x, *options, **more):
    """Returns the outputs of `classifier raw`, one row for each image. x: B x H x W x C."""
    import numpy as np
    with tempfile.TemporaryDirectory() as folder:
        fin, fout = os.path.join(folder, "in.f32"), os.path.join(folder, "out.f32")
        x.astype(np.float32).tofile(fin)
        expect_end(darknet("classifier", "raw", cfg, weights, fin, fout, *options, **more))
        return np.fromfile(fout, np.float32).reshape(len(x), -1)


# ---- files ----

def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    """Writes text or bytes into a file, and makes the file's folder. Returns the path."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def dnxe(names, rows):
    out = b"DNXE" + struct.pack("<3I", 1, len(names), len(rows[0]))
    for n in names:
        out += struct.pack("<I", len(n.encode())) + n.encode()
    return out + b"".join(struct.pack(f"<{len(r)}f", *r) for r in rows)


def column(path, name):
    with open(path, newline="", encoding="utf-8") as f:
        return [float(row[name]) for row in csv.DictReader(f)]


def write_png(path, width, height, rgb):
    """Writes a PNG. rgb: 3 * width * height bytes, row by row from the top."""
    rows = b"".join(b"\0" + rgb[3 * width * y:3 * width * (y + 1)] for y in range(height))
    write(path, png_file(struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), rows))


def python2(images, same):
    """Returns a verification set (InsightFace's .bin) as cPickle of Python 2 writes it: bytes are
    pickled as str, and memo indices begin at 1. images: two image files for each pair, as bytes;
    same: a bool for each pair, true when both images show one person."""
    kept = [0]

    def keep():
        kept[0] += 1
        return b"q" + bytes([kept[0]]) if kept[0] < 256 else b"r" + struct.pack("<I", kept[0])

    def text(v):
        return b"U" + bytes([len(v)]) + v if len(v) < 256 else b"T" + struct.pack("<i", len(v)) + v
    out = b"\x80\x02]" + keep() + b"(" + b"".join(text(v) + keep() for v in images) + b"e"
    out += b"]" + keep() + b"(" + b"".join(b"\x88" if v else b"\x89" for v in same) + b"e"
    return out + b"\x86" + keep() + b"."
