"""test_lint.py - `make lint` finds each fault in a copy of the sources that breaks all rules."""
import os
import shutil
import subprocess

from common import attempt, attempt_all, expect, read, summary, write, ROOT

ENDS = (".c", ".h", ".cc", ".cu", ".py", ".sh", ".cfg", ".ipynb")
# (rule, file, line to append, words of the complaint)
RULES = (
    ("the host", "darknet/net/plan.c", '#include <darknet.h>', "may include darknet.h"),
    ("an arrow up", "darknet/net/plan.c", '#include "train/train.h"', "lies below its folder"),
    ("a circle", "darknet/net/cfg.h", '#include "net/weights.h"', "a circle of includes"),
    ("a layer's name", "darknet/net/plan.c", 'static const char x[] = "kd_feature";',
     "by its name"),
    ("a layer's name in train", "darknet/train/loop.c", 'static const char x[] = "shortcut";',
     "by its name"),
    ("printing", "layers_ext/softmax.c", 'static void p(void) { printf("x"); }',
     "may print or exit"),
    ("printing to stderr", "darknet/data/list.c", 'static void p(void) { fputs("x", stderr); }',
     "may print or exit"),
    ("exiting", "darknet/train/loop.c", "static void e(void) { exit(1); }", "may print or exit"),
    ("writing", "darknet/train/loop.c", 'static void w(void) { fopen("x", "w"); }', "writes files"),
    ("a function for one file", "darknet/net/plan.c",
     "int dnx_one(void) {\n    return 1;\n}\nint dnx_two(void) {\n    return dnx_one();\n}",
     "dnx_one() is used in this file alone"),
    ("a function for none", "darknet/net/plan.c", "int dnx_none(void) {\n    return 1;\n}",
     "nothing uses dnx_none()"),
    ("a Python function for none", "scripts/lib/text.py", "\n\ndef use" + "less():\n    pass",
     "nothing uses use" + "less"),
    ("a wide line", "darknet/net/plan.c", "/* " + 100 * "x" + " */", "100 columns"),
    ("a lonely brace", "darknet/net/plan.c", "static void b(void)\n{\n}", "not on its own"),
    ("another format", "darknet/net/plan.c", "static int  two_blanks;", "make format"),
    ("a tab", "darknet/net/plan.c", "\tint x;", "no tab"),
    ("a blank at the end", "scripts/lib/text.py", "X = 1 ", "no blank at the end"),
)


def copy():
    for folder in ("darknet", "layers_ext", "scripts", "tests", "notebooks"):
        for at, _, names in os.walk(os.path.join(ROOT, folder)):
            to = os.path.relpath(at, ROOT)
            os.makedirs(to, exist_ok=True)
            for name in names:
                if name.endswith(ENDS):
                    shutil.copy(os.path.join(at, name), to)
    shutil.copy(os.path.join(ROOT, ".clang-format"), ".")


def lint():
    return subprocess.run(["sh", "tests/lint.sh"], capture_output=True, text=True, check=False)


def is_clean():
    done = lint()
    expect(done.returncode == 0 and done.stdout == "lint: clean\n", done.stdout + done.stderr)


def finds(said, file, words):
    parts = said.split("lint: ")
    expect(any(words in part and file in part for part in parts), f"{words}: not of {file}: {said}")


def each_rule():
    for _, file, line, _ in RULES:
        write(file, read(file).decode() + line + "\n")
    done = lint()
    expect(done.returncode == 1, f"status {done.returncode}")
    for name, file, _, words in RULES:
        attempt(name, finds, done.stdout, file, words)


attempt_all(copy, is_clean, each_rule)
summary()
