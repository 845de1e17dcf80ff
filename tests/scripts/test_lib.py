#!/usr/bin/python3
"""Tests scripts/lib: files, locks, child processes, fingerprints, errors."""
import errno
import os
import signal
import subprocess
import sys
import tempfile
import time

from common import SCRIPTS, check, needs, read, summary, write

needs("numpy")
import lib.lock
from lib import fingerprints
from lib.errors import Failure, text_of
from lib.files import (
    make_folder, read_json, read_result, refuse_replacing, whole_file, write_json)
from lib.files import write as write_whole
from lib.folders import identities, images_below
from lib.lock import folder_lock
from lib.processes import each
from lib.text import read_lines, words


def fails(what, text, call, *args):
    try:
        got = call(*args)
    except (Failure, OSError) as e:
        check(text in text_of(e), what, text_of(e))
    else:
        check(False, what, got)


def python(code, **more):
    return subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=SCRIPTS),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def names():
    return sorted(os.listdir("."))


def files():
    write_whole("a", "one")
    os.chmod("a", 0o640)
    os.symlink("a", "link")
    write_whole("link", "two")
    check(read("a") == b"two" and os.path.islink("link"), "a link stays a link")
    check(os.stat("a").st_mode & 0o777 == 0o640, "the mode is kept")
    os.umask(0o027)
    write_whole("new", "x")
    check(os.stat("new").st_mode & 0o777 == 0o640, "a new file follows the umask")
    os.umask(0o022)
    before = names()
    for error in (ValueError, KeyboardInterrupt):
        try:
            with whole_file("a") as f:
                f.write("half")
                raise error
        except error:
            pass
        check(read("a") == b"two" and names() == before, f"{error.__name__} leaves the old file")
    write("mine.tmp", "mine")
    write_whole("mine", "x")
    check(read("mine.tmp") == b"mine", "a user's file named .tmp")
    os.makedirs("folder")
    fails("a folder", "folder: is a folder", write_whole, "folder", "x")
    fails("an output", "folder: is a folder", refuse_replacing, {"cfg": "folder"}, True)
    fails("another file", "none/b: No such file", copy_into, "a", "none/b")
    fails("below a file", "a/b", write_whole, "a/b", "x")
    fails("NaN", "Out of range", write_not_finite)
    check(not os.path.exists("nan.json"), "no file with NaN")
    fails("--out FILE", "a: is a file, not a folder", make_folder, "a")
    fails("--out nowhere", "/proc/none: No such file", make_folder, "/proc/none")
    write_json("j", {"k": 1})
    check(read_json("j", "k") == {"k": 1}, "JSON")
    for text, said in (("", "is not JSON"), ('{"k": ', "is not JSON"), ("[1]", "no JSON object"),
                       ("{}", 'has no "k"'), ("[" * 100000, "is not JSON"),
                       ("\xff\xfe", "not JSON")):
        write("j", text)
        fails(f"JSON {text[:9]}", said, read_json, "j", "k")
        check(read_result("j", "k") is None, "a torn result is none")


def copy_into(path, other):
    with whole_file(path) as f:
        f.write(read(other).decode())


def write_not_finite():
    try:
        write_json("nan.json", {"k": float("nan")})
    except ValueError as e:
        raise Failure(str(e)) from e


def faults():
    """When writing fails, the old file stays, and the message names the file."""
    write_whole("f", "old")
    calls = {"mkstemp": tempfile, "fchmod": os, "fsync": os, "replace": os, "makedirs": os}
    for name, module in calls.items():
        real = getattr(module, name)
        for error in (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            def fail(*_args, **_more):
                raise OSError(error, os.strerror(error), "inner")
            setattr(module, name, fail)
            before = names()
            try:
                write_json("f", {"new": 1})
            except OSError as e:
                check(e.errno == error and "f: " in text_of(e), f"{name}: the message", text_of(e))
            else:
                check(False, f"{name} {error}: is not noticed")
            finally:
                setattr(module, name, real)
            check(read("f") == b"old" and names() == before, f"{name}: the old file stays")


def full_disk():
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "folder"], check=False,
                          capture_output=True)
    if done.returncode:
        return  # mounting is not allowed
    try:
        write_whole("folder/a", "old")
        fails("a full disk", "folder/a: No space left", write_whole, "folder/a", "x" * 100000)
        check(os.listdir("folder") == ["a"] and read("folder/a") == b"old", "the old file stays")
    finally:
        subprocess.run(["umount", "folder"], check=False)


def lock():
    code = ("from lib.lock import folder_lock\nimport time, os, signal\n"
            "with folder_lock('.'):\n    print('held', flush=True)\n    time.sleep(100)\n")
    holder = python(code)
    holder.stdout.readline()
    fails("a second process", f"is in use by process {holder.pid}", folder_lock(".").__enter__)
    holder.kill()
    holder.communicate()
    with folder_lock("."):
        check(True, "the lock of a dead process does not block")
    real, first = lib.lock.make_folder, []

    def overtaken(folder):
        """Lets another process make and lock the folder, then calls the real make_folder()."""
        first.append(python(code.replace("'.'", repr(folder))))
        first[0].stdout.readline()
        real(folder)
    lib.lock.make_folder = overtaken
    fails("two begin at once", "is in use by process", folder_lock("raced").__enter__)
    lib.lock.make_folder = real
    check(os.path.exists("raced/.lock"), "the second process leaves the folder of the first")
    first[0].kill()
    first[0].communicate()


CHILD = """
import os, signal, sys, time
def stop(n, f):
    print("child got", signal.Signals(n).name, flush=True)
    time.sleep(.3)
    open("saved", "w").close()
    sys.exit(0)
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
else:
    for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, stop)
open("pid", "w").write(str(os.getpid()))
os.rename("pid", "ready")
time.sleep(100)
"""
PARENT = """
import sys
sys.argv[0] = "parent.py"
from lib.errors import run_main
from lib.processes import run
sys.exit(run_main(lambda: run([sys.executable, "child.py", "{}"]), again=True))
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition):
    until = time.time() + 20
    while not condition() and time.time() < until:
        time.sleep(.02)
    return condition()


def children():
    """Ctrl-C and SIGTERM reach the child once; a second signal kills the child. The child
    never outlives its parent."""
    write("child.py", CHILD)
    for number, kind, saves in ((signal.SIGINT, "good", True), (signal.SIGTERM, "good", True),
                                (signal.SIGINT, "deaf", False), (signal.SIGKILL, "good", True)):
        for name in ("ready", "saved"):
            if os.path.exists(name):
                os.remove(name)
        parent = python(PARENT.format(kind), start_new_session=True)
        check(wait_for(lambda: os.path.exists("ready")), f"{number.name}: the child starts")
        pid = int(read("ready"))
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)  # a terminal sends Ctrl-C to the whole process group
        else:
            parent.send_signal(number)
        if kind == "deaf":
            time.sleep(.5)
            check(parent.poll() is None and alive(pid), "a deaf child is waited for")
            parent.send_signal(number)
        out, error = parent.communicate(timeout=20)
        check(wait_for(lambda: not alive(pid)), f"{number.name} {kind}: the child ended")
        check(os.path.exists("saved") == saves, f"{number.name} {kind}: what it saved")
        check(out.count("child got") == saves, f"{number.name} {kind}: asked once", out)
        if number != signal.SIGKILL:
            check(parent.returncode == 1 and "continues from here" in error, f"{number.name}: ends",
                  error)
    ignoring = python("import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n" +
                      PARENT.format("good"))
    os.remove("ready")
    wait_for(lambda: os.path.exists("ready"))
    ignoring.send_signal(signal.SIGHUP)
    time.sleep(.3)
    check(ignoring.poll() is None, "an ignored SIGHUP stays ignored (nohup)")
    ignoring.send_signal(signal.SIGTERM)
    ignoring.communicate(timeout=20)


def dead(n):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def workers():
    begun = time.time()
    check(list(each(abs, range(-5, 0), 2)) == [5, 4, 3, 2, 1], "results in order")
    fails("a dead worker", "a worker process died", lambda: list(each(dead, range(8), 2, 1)))
    check(time.time() - begun < 20, "within seconds")


def prints():
    cfg = "# a remark\n[net]\nbatch=8\nwidth = 4 # pixels\n\n[kd_feature]\nteacher=a\nweights=b\n"
    other = "[net]\nwidth=4\nbatch=8\n[kd_feature]\nteacher=c/a\nweights=c/b\n"
    check(fingerprints.of_cfg(cfg) == fingerprints.of_cfg(other), "a cfg by its meaning",
          fingerprints.of_cfg(cfg), fingerprints.of_cfg(other))
    for section, is_same in (("margin_softmax", True), ("kd_relation", True), ("softmax", False),
                             ("no_such_layer", False)):
        one = f"[net]\n[{section}]\nteacher=a\nweights=b\n"
        other = one.replace("=a", "=c/a").replace("=b", "=c/b")
        check((fingerprints.of_cfg(one) == fingerprints.of_cfg(other)) == is_same,
              f"paths in [{section}]", fingerprints.of_cfg(other))
    got = fingerprints.differences(fingerprints.of_cfg(cfg),
                                   fingerprints.of_cfg(cfg.replace("batch=8", "batch=9")))
    check(got == ["[net] batch: was 8, is 9"], "a difference, was and is", got)
    for name in ("set/a/1.jpg", "set/b/2.jpg", "set/.hidden/3.jpg"):
        write(name, name)
    os.symlink(".", "set/self")
    check(len(images_below("set")) == 2 and identities("set") == ["a", "b", "self"], "folders",
          images_below("set"), identities("set"))
    one = fingerprints.of_folder("set")
    os.remove("set/self")
    fingerprints.of_folder.cache_clear()
    check(fingerprints.of_folder("set") == one, "a link to the folder itself adds nothing")
    os.rename("set", "moved")
    check(fingerprints.of_folder("moved") == one, "a moved folder is the same")
    for change in (lambda: write("moved/a/1.jpg", "set/a/9.jpg"),
                   lambda: os.rename("moved/a/1.jpg", "moved/a/7.jpg"),
                   lambda: os.remove("moved/a/7.jpg")):
        change()
        fingerprints.of_folder.cache_clear()
        check(fingerprints.of_folder("moved") != one, "contents, names and numbers count")
        one = fingerprints.of_folder("moved")


def text():
    for data in ("A\tB\n", "\ufeffA\tB\n", "A\tB\r\n", "A\tB", "A\tB\r"):
        for coding in ("utf-8", "utf-16"):
            write("t", (data if coding == "utf-8" else data.lstrip("\ufeff")).encode(coding))
            check(read_lines("t") == ["A\tB"], f"lines {data!r} {coding}", read_lines("t"))
    write("t", b"Jos\xe9\n")
    check(os.fsencode(read_lines("t")[0]) == b"Jos\xe9", "Latin-1 stays")
    for data, said in ((b"a\n\0\n", "t:2: has a NUL byte"), (b"\xff\xfea", "broken UTF-16"),
                       (b"a" * (1 << 20) + b"bb", "t:1: a line of more than")):
        write("t", data)
        fails(said, said, read_lines, "t")
    check(words("Anna Maria\t1\t2") == ["Anna Maria", "1", "2"], "tabs separate")
    check(words(" A  1 2 ") == ["A", "1", "2"], "blanks separate")


def endings():
    head = "import sys\nsys.argv[0] = 'x.py'\nfrom lib.errors import *\n"
    for code, said in (("lambda: open('/none/file')", "x.py: /none/file: No such file"),
                       ("lambda: 1 / 0", "ZeroDivisionError"),
                       ("lambda: open('a' * 5000)", "x.py: aaa")):
        process = python(f"{head}sys.exit(run_main({code}))")
        error = process.communicate(timeout=20)[1]
        check(process.returncode == 1 and said in error, code, error)
        check(("Traceback" in error) == (said == "ZeroDivisionError"), "only our faults trace",
              error)
    process = python(head + "needs('json', 'no_such_module')")
    error = process.communicate(timeout=20)[1]
    check(process.returncode == 1 and "x.py: python3-no_such_module is not installed for" in error,
          "a missing module", error)
    process = python(head + "sys.exit(run_main(lambda: [print('y' * 99) for _ in range(9999)]))")
    process.stdout.close()
    check(process.wait(20) == 1 and process.stderr.read() == "", "a closed pipe")


with tempfile.TemporaryDirectory() as temporary:
    os.chdir(temporary)
    for test in (files, faults, full_disk, lock, children, workers, prints, text, endings):
        test()
    os.chdir("/")
summary()
