"""Reads and writes files. A failed write leaves the old file unchanged."""
import contextlib
import csv
import itertools
import json
import os
import stat
import tempfile

from lib.errors import Failure


@contextlib.contextmanager
def whole_file(path, binary=False, sync=True):
    """Use: with whole_file(path) as f: f.write(...). A regular file is replaced only when the block
    succeeds. It keeps its mode, and a symbolic link stays a link. sync=False is faster for many
    small files, but a power cut may leave an empty file."""
    text = {} if binary else {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode):
            raise Failure(f"{path}: is a folder")
        with open(target, "wb" if binary else "w", **text) as f:  # the target is a device or a pipe
            yield f
        return
    if mode is not None and not os.access(target, os.W_OK):
        raise Failure(f"{path}: is write-protected")
    temporary, is_written = None, False
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        number, temporary = tempfile.mkstemp(".tmp", "." + os.path.basename(target)[:100] + ".",
                                             os.path.dirname(target))
        with open(number, "wb" if binary else "w", **text) as f:
            yield f
            is_written = True
            f.flush()
            os.fchmod(f.fileno(), stat.S_IMODE(mode) if mode is not None else 0o666 & ~umask())
            if sync:
                os.fsync(f.fileno())
        os.replace(temporary, target)
    except OSError as e:
        remove(temporary)
        if e.errno is None or temporary and not is_written and e.filename is not None:
            raise  # the block failed at another file
        # the message shall name path, not the temporary file
        raise OSError(e.errno, e.strerror, path) from e
    except BaseException:
        remove(temporary)
        raise
    if sync:
        sync_folder(os.path.dirname(target))


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder):
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def remove(path):
    """Removes a file and ignores errors. path may be None."""
    with contextlib.suppress(OSError, TypeError):
        os.remove(path)


def refuse_replacing(outs, force, *inputs):
    """Raises a Failure when an output is a folder, another output or an input. Raises it also when
    an output exists and `force` is false. outs: {description for messages: path}."""
    for one, other in itertools.combinations(outs, 2):
        if os.path.realpath(outs[one]) == os.path.realpath(outs[other]):
            raise Failure(f"{outs[one]}: is named for the {one} and for the {other}")
    for out, path in itertools.product(outs.values(), inputs):
        with contextlib.suppress(FileNotFoundError):
            if os.path.samefile(out, path):
                raise Failure(f"{out}: is an input of this very command")
    for out in outs.values():
        if os.path.isdir(out):
            raise Failure(f"{out}: is a folder")
        if not force and os.path.isfile(out):
            raise Failure(f"{out}: exists; --force replaces it")


def write(path, content):
    with whole_file(path, binary=isinstance(content, bytes)) as f:
        f.write(content)


def write_json(path, value):
    text = json.dumps(value, indent=1, allow_nan=False)
    write(path, text + "\n")


def write_csv(path, rows):
    with whole_file(path) as f:
        csv.writer(f).writerows(rows)


def save_figure(figure, path, dpi):
    """Writes a matplotlib figure in the format of the path's suffix (PNG without a suffix)."""
    kind = os.path.splitext(path)[1][1:].lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise Failure(f"{path}: a picture cannot be written as .{kind}, only as one of "
                      f"{', '.join(sorted(known))}")
    with whole_file(path, binary=True) as f:
        figure.savefig(f, dpi=dpi, format=kind)


def make_folder(path):
    """Makes the folder and tries to write into it, so that a wrong --out ends the script early."""
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError as e:
        raise Failure(f"{path}: is a file, not a folder") from e
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e


def read(path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            return f.read()
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e


def read_json(path, *keys):
    """Returns the JSON object in a file as a dict. Raises a Failure when the file has no object, or
    when the object lacks one of `keys`."""
    try:
        value = json.loads(read(path))
    except Failure:
        raise
    except (ValueError, RecursionError) as e:
        raise Failure(f"{path}: is not JSON: {e}") from e
    if not isinstance(value, dict):
        raise Failure(f"{path}: holds no JSON object")
    for key in keys:
        if key not in value:
            raise Failure(f"{path}: has no \"{key}\"")
    return value


def read_result(path, *keys):
    """Returns the JSON object in a file as a dict, or None when read_json() fails."""
    try:
        return read_json(path, *keys)
    except Failure:
        return None
