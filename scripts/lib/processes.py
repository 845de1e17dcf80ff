"""Starts child processes that end when their parent ends."""
import concurrent.futures
import concurrent.futures.process
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile

from lib.errors import Failure, Stopped

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def darknet():
    path = os.path.abspath(os.environ.get("DARKNET_BIN") or os.path.join(ROOT, "bin", "darknet"))
    if not os.access(path, os.X_OK):
        raise Failure(f"{path}: is not there or cannot be run (make builds it)")
    return path


def die_with(parent):
    """Asks the system to send this child process SIGTERM when its parent ends for any reason."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # the parent ended before the call of prctl()
        os.kill(os.getpid(), signal.SIGTERM)


class Forward:
    """Forwards signals to a child process, which can then save its work. A second signal kills the
    child. check() raises the signal as Stopped."""

    def __init__(self):
        self.process = self.first = None
        self.old = {}

    def __enter__(self):
        for number in ASKED:
            if signal.getsignal(number) != signal.SIG_IGN:
                self.old[number] = signal.signal(number, self.ask)
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            self.old[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self.pause)
        return self

    def __exit__(self, *_):
        for number, handler in self.old.items():
            signal.signal(number, handler)

    def ask(self, number, _frame):
        again, self.first = self.first is not None, self.first or number
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if again else number)
            if not again:
                print("stopping; once more to stop without saving", file=sys.stderr, flush=True)

    def pause(self, number, _frame):
        if self.process:
            self.process.send_signal(signal.SIGSTOP)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when the shell continues this process
        signal.signal(number, self.pause)
        if self.process:
            self.process.send_signal(signal.SIGCONT)

    def check(self):
        if self.first is not None:
            raise Stopped(signal.Signals(self.first).name)


def start(command, **files):
    """Starts a process in a process group of its own, so that Ctrl-C does not reach it. files:
    stdout= and stderr= of the process."""
    parent = os.getpid()

    def prepare():
        os.setpgid(0, 0)
        die_with(parent)

    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=prepare, **files)
    except OSError as e:
        raise Failure(f"{command[0]}: {e.strerror}") from e


def run(command, capture=False, show=False):
    """Runs a command to its end. capture: returns the command's output and does not print it. show:
    prints the command first. Raises Stopped after a signal, and a Failure when the exit status is
    not 0. The Failure's `output` is the captured standard output."""
    if show:
        print("$ " + " ".join(os.path.relpath(c, ROOT) if c.startswith(ROOT + os.sep) else c
                              for c in command), flush=True)
    with contextlib.ExitStack() as stack:
        out, err = (stack.enter_context(tempfile.TemporaryFile()) if capture else None
                    for _ in range(2))
        forward = stack.enter_context(Forward())
        forward.process = start(command, stdout=out, stderr=err)
        if forward.first is not None:  # a signal arrived before the child had started
            forward.process.send_signal(forward.first)
        status = forward.process.wait()
        forward.check()
        said = ["", ""]
        if capture:
            for i, f in enumerate((out, err)):
                f.seek(0)
                said[i] = f.read().decode(errors="surrogateescape")
        if status:
            failure = Failure(said[1].strip()[-2000:] or ended(command, status))
            failure.output = said[0]
            raise failure
        return said[0]


def checked(cfg, *weights):
    return json.loads(run([darknet(), "check", cfg, *weights, "-json"], capture=True))


def timed(cfg, *options):
    return json.loads(run([darknet(), "bench", cfg, *map(str, options), "-json"], capture=True))


def on_threads(count):
    """Returns the option -threads as a list. count: 0 means all processors."""
    return ["-threads", str(count)] if count else []


def ended(command, status):
    what = " ".join([os.path.basename(command[0])] + command[1:3])
    if status < 0:
        return f"{what} was ended by {signal.Signals(-status).name}"
    return f"{what} ended with status {status}"


def pool_start(parent):
    # a worker ignores Ctrl-C, because the parent then stops the pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent)


def each(function, items, workers=None, chunk=16):
    """Yields function(item) for all items, in order, computed by a pool of processes."""
    with concurrent.futures.ProcessPoolExecutor(workers or os.cpu_count(), initializer=pool_start,
                                                initargs=(os.getpid(),)) as pool:
        try:
            yield from pool.map(function, items, chunksize=chunk)
        except concurrent.futures.process.BrokenProcessPool as e:
            raise Failure("a worker process died (killed, or out of memory); what is done is kept, "
                          "and the same command continues") from e
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
