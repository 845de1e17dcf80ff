"""One process at a time works in an --out folder."""
import contextlib
import fcntl
import os
import sys
import time

from lib.errors import Failure

NAME = ".lock"


@contextlib.contextmanager
def folder_lock(folder):
    """Holds the folder while the block runs. A second process gets a Failure that names the first.
    The system releases the lock when its holder dies, so a lock never blocks for ever."""
    path = os.path.join(folder, NAME)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with open(number, "r+", encoding="utf-8", errors="replace") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            raise Failure(f"{folder}: is in use by {f.read().strip() or 'another process'}; "
                          "wait for it, stop it, or choose another --out") from e
        f.truncate()
        f.write(f"process {os.getpid()}, {os.path.basename(sys.argv[0])}, since "
                f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        f.flush()
        yield
