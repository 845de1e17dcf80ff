"""Reads text files of users; makes counts and tables for messages."""
from lib.errors import Failure

LONGEST = 1 << 20  # characters in a line


def read_lines(path):
    """Returns the lines of a file in UTF-8, or in UTF-16 with a byte order mark. Bytes that are
    not UTF-8 are kept (surrogateescape), because file names may have them."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as e:
        raise Failure(f"{path}: {e.strerror}") from e
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
        else:
            text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    except UnicodeDecodeError as e:
        raise Failure(f"{path}: is broken UTF-16: {e.reason}") from e
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise Failure(f"{path}:{number}: has a NUL byte: not a text file")
        if len(line) > LONGEST:
            raise Failure(f"{path}:{number}: a line of more than {LONGEST} characters")
    return lines[:-1] if lines[-1] == "" else lines


def counted(n, one, several=None):
    """Returns a number and its noun: "1 face", "2 faces". several: an irregular plural."""
    return f"{n} {one if n == 1 else several or one + 's'}"


def words(line):
    """Splits a line at tabs, or at spaces when it has no tab: names may have spaces."""
    return [w.strip() for w in line.split("\t")] if "\t" in line.strip() else line.split()


def markdown(rows, rule):
    """Returns the lines of a table in Markdown. rows: lists of texts; rule: the line below the
    first row, which aligns the columns."""
    lines = ["| " + " | ".join(r) + " |" for r in rows]
    return [lines[0], rule, *lines[1:]]


def columns(rows):
    """Returns a table as text. rows: lists of texts, all of one length."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows)
