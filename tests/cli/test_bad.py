"""test_bad.py - each mistake of a user must give exactly one message.

Each file tests/data/bad*/NAME.err is a case: the message that `darknet` must print on stderr. The
file NAME.command, or the folder's file `command`, has the command lines, in which the word NAME
stands for the name of the case. A line begins with the exit status. The first line must give the
message. {activations} in a message stands for the list of all activations. With BLESS=1, the test
writes the printed messages into the .err files: read the changes."""
import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile

from common import ROOT, attempt, check, darknet, expect, read, summary, write


def runs(folder, name):
    """Yields (expected exit status, arguments of `darknet`) for each command line of a case."""
    path = os.path.join(folder, name + ".command")
    if not os.path.exists(path):
        path = os.path.join(folder, "command")
    for line in read(path).decode().splitlines():
        status, *words = shlex.split(line.replace("NAME", name))
        yield int(status), words


def activations():
    words = re.search(r"one of (\S+)", darknet("layers", "activation").stdout)[1]
    return words.replace("|", ", ")


def refuses(folder, name, files):
    err = os.path.join(folder, name + ".err")
    with tempfile.TemporaryDirectory() as top:
        scratch = os.path.join(top, "tests", "data", "here")
        os.makedirs(scratch)
        os.symlink(os.path.join(ROOT, "cfg"), os.path.join(top, "cfg"))
        for file in files:
            of = os.path.join(folder, file)
            (shutil.copytree if os.path.isdir(of) else shutil.copy)(of, os.path.join(scratch, file))
        for number, (status, words) in enumerate(runs(folder, name)):
            done = darknet(*words, cwd=scratch, stdin=subprocess.DEVNULL)
            expect(done.returncode == status,
                   f"{words}: exit status {done.returncode}, not {status}: {done.stderr[:600]}")
            if number == 0 and os.environ.get("BLESS"):
                write(err, done.stderr.replace(ALL, "{activations}"))
            if number == 0:
                want = read(err).decode(errors="replace").replace("{activations}", ALL)
                expect(done.stderr == want, f"expected: {want}got: {done.stderr[:600]}")
        expect(sorted(os.listdir(scratch)) == sorted(files), f"it left {os.listdir(scratch)}")


def main():
    for folder in sorted(glob.glob(os.path.join(ROOT, "tests", "data", "bad*"))):
        files = sorted(os.listdir(folder))
        cases = {f[:-4] for f in files if f.endswith(".err")}
        shared = [f for f in files if f.split(".")[0] not in cases and f != "command"]
        for name in sorted(cases):
            own = [f for f in files if f.split(".")[0] == name]
            own = [f for f in own if not f.endswith((".err", ".command"))]
            texts = b"".join(read(os.path.join(folder, f)) for f in own)
            named = [f for f in files if f.encode() in texts]
            attempt(f"{os.path.basename(folder)}/{name}", refuses, folder, name,
                    {*own, *named, *shared})
        for left in shared:
            if left.endswith((".cfg", ".data")) and left != "tiny.cfg":
                check(False, f"{os.path.basename(folder)}/{left} has its .err file")
    summary()


ALL = activations()
main()
