"""Makes sure that only one process at a time works in an --out folder."""
import contextlib
import fcntl
import os
import time

from lib.errors import Failure, script
from lib.files import make_folder

NAME = ".lock"


@contextlib.contextmanager
def folder_lock(folder):
    """Makes a folder and locks it during the `with` block. A second process gets a Failure. A
    folder that did not exist before is removed when the block fails before it writes anything."""
    is_new = not os.path.isdir(folder)
    make_folder(folder)
    path = os.path.join(folder, NAME)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            holder = os.read(number, 500).decode(errors="replace").strip()
            raise Failure(f"{folder}: is in use by {holder or 'another process'}; "
                          "wait for it, stop it, or choose another --out") from e
        with contextlib.suppress(OSError):  # the lock holds even when its text cannot be written
            os.ftruncate(number, 0)
            os.write(number, f"process {os.getpid()}, {script()}, since "
                             f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        try:
            yield
        except BaseException:
            if is_new and os.listdir(folder) == [NAME]:
                os.remove(path)
                os.rmdir(folder)
            raise
    finally:
        with contextlib.suppress(OSError):
            os.close(number)


@contextlib.contextmanager
def file_lock(path):
    """Makes a file and locks it during the `with` block. A second process waits."""
    make_folder(os.path.dirname(path))
    with open(path, "ab") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
