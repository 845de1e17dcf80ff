"""test_readmes.py - all files, links, tests and targets that Markdown pages name must exist."""
import glob
import os
import re

from common import attempt, darknet, expect, read, run, summary, ROOT

SKIPPED = {".git", "build", "bin", "node_modules", "__pycache__", ".ci"}
FIRST_PAGE = 200  # the most lines that README.md may have


def texts():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.startswith("run")]
        yield from (os.path.join(folder, n) for n in names if n.endswith(".md"))


def text_of(path):
    return read(path).decode()


def doors():
    """Each folder's README.md names every file of the folder."""
    for root in ("darknet", "layers_ext", "scripts", "tests", "notebooks"):
        for folder, folders, names in os.walk(os.path.join(ROOT, root)):
            folders[:] = [f for f in folders if f not in SKIPPED | {"data", "pictures"} or
                          root == "darknet"]
            where = os.path.relpath(folder, ROOT)
            expect("README.md" in names, f"{where}: no README.md")
            text = text_of(os.path.join(folder, "README.md"))
            for name in set(names) - {"README.md", "__init__.py"}:
                stem = re.escape(name.split(".")[0])
                expect(re.search(rf"(?<![\w-]){stem}(?![\w-])", text),
                       f"{where}/README.md does not name {name}")
    for parent in "darknet", "tests":
        for path in glob.glob(f"{ROOT}/{parent}/*/README.md"):
            name = os.path.basename(os.path.dirname(path))
            expect(f"({name}/README.md)" in text_of(f"{ROOT}/{parent}/README.md"),
                   f"{parent}/README.md does not name {name}/")
    for name in os.listdir(f"{ROOT}/tests/data"):
        expect(f"`{name}`" in text_of(f"{ROOT}/tests/data/README.md") or name == "README.md",
               f"tests/data/README.md does not name {name}/")


def first_page():
    lines = text_of(f"{ROOT}/README.md").count("\n")
    expect(lines <= FIRST_PAGE, f"README.md has {lines} lines")


def anchor(heading):
    """Returns the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def links():
    """Links lead to existing files and headings."""
    for path in texts():
        for target, heading in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text_of(path)):
            if target.startswith("http"):
                continue
            there = os.path.join(os.path.dirname(path), target) if target else path
            expect(os.path.exists(there), f"{os.path.relpath(path, ROOT)}: no {target}")
            if heading:
                known = map(anchor, re.findall(r"(?m)^#+ (.*)$", text_of(there)))
                expect(heading in known, f"{os.path.relpath(path, ROOT)}: {target} has no "
                                         f"heading #{heading}")


def names_of_files():
    """Files named in darknet/README.md exist, and contain the functions named with them."""
    text = text_of(f"{ROOT}/darknet/README.md")
    for name in re.findall(r"`([\w./]+\.(?:c|h|py))`", text):
        places = [f"{ROOT}/darknet/{name}", *(f"{ROOT}/{f}/{name}" for f in (
            ".", "layers_ext/kernels", "scripts"))]
        expect(name == "darknet.h" or any(map(os.path.exists, places)),
               f"darknet/README.md: no {name}")
    for function, name in re.findall(r"`(\w+)\(\)` in `([\w./]+)`", text):
        code = text_of(os.path.join(ROOT, "darknet", name))
        expect(re.search(rf"\b{function}\(", code), f"darknet/README.md: no {function}() in {name}")


def names_of_tests():
    """Each test named in a page exists. A page may give only the beginning of the name."""
    there = {os.path.relpath(p, f"{ROOT}/tests") for p in glob.glob(f"{ROOT}/tests/*/test_*.*")}
    for path in texts():
        for folder, name in re.findall(r"(?:`|\b(?:tests/)?(\w+)/)(test_[a-z]\w*(?:\.\w+)?)",
                                       text_of(path)):
            known = any(re.fullmatch(rf"{folder or '[a-z]+'}/{re.escape(name)}.*", t)
                        for t in there)
            expect(known, f"{os.path.relpath(path, ROOT)}: no test "
                          f"{folder + '/' if folder else ''}{name}")


def verbs():
    known = set(re.findall(r"^  (\w+) ", darknet("help").stdout, re.M))
    expect(len(known) > 10, known)
    for path in texts():
        for verb in re.findall(r"^bin/darknet ([a-z]+)", text_of(path), re.M):
            expect(verb in known, f"{os.path.relpath(path, ROOT)}: no verb {verb}")
    for verb, words in re.findall(r"darknet (\w+) ((?:[a-z-]+\|)+[a-z-]+)",
                                  text_of(f"{ROOT}/README.md")):
        for word in words.split("|"):
            expect(darknet("help", verb, word).returncode == 0, f"README.md: no {verb} {word}")


def targets():
    known = set(re.findall(r"^([a-z-]+):", text_of(f"{ROOT}/Makefile"), re.M))
    for path in texts():
        for words in re.findall(r"`make ([^`]+)`|^make (.+?)(?:#.*)?$", text_of(path), re.M):
            for word in re.sub(r'"[^"]*"', "", " ".join(words)).replace("&& make", "").split():
                expect("=" in word or word in known or not re.fullmatch("[a-z-]+", word),
                       f"{os.path.relpath(path, ROOT)}: make {word} does not exist")


def networks():
    """The tables of cfg/README.md have each network except variants, with its parameter count."""
    text = text_of(f"{ROOT}/cfg/README.md")
    for path in glob.glob(f"{ROOT}/cfg/*.cfg"):
        name = os.path.basename(path)
        row = re.search(rf"^\| `{name}`.*$", text, re.M)
        expect(row or re.search(r"-(am|bwn|xnor|kd-\w+)\.cfg$", name), f"no row of {name}")
        count = row and re.search(r"\| ([\d,]+) \| [\d,.]+ (?:M|at)", row[0])[1]
        if count and len(count) < len("2,000,000"):  # `check` of large networks takes seconds
            said = re.search(r"(?m)^parameters +([\d,]+)", darknet("check", path).stdout)[1]
            expect(said == count, f"{name} has {said} parameters")


def scripts_run():
    """All scripts can be executed by name. The scripts that README.md calls have the option -h."""
    for name in set(re.findall(r"^(scripts/\w+\.py)", text_of(f"{ROOT}/README.md"), re.M)):
        done = run(os.path.join(ROOT, name), "-h")
        expect(done.returncode == 0, f"{name}: {done.stderr}")
    for path in glob.glob(f"{ROOT}/scripts/*.py"):
        expect(text_of(path).startswith("#!/usr/bin/python3\n") and os.access(path, os.X_OK),
               f"{path} cannot be executed")


for test in (doors, first_page, links, names_of_files, names_of_tests, verbs, targets, networks,
             scripts_run):
    attempt(test.__name__, test)
summary()
