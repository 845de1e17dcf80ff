"""test_options.py - the command line of every verb: -h anywhere, options that are unknown, given
twice or without a value, arguments that are missing or one too many, "--", verbs mistyped."""
import os
import re
import tempfile

from common import check, darknet, run, skip, summary, write, DARKNET, ROOT

HOST = "/usr/bin/darknet"
GROUPS = ("classifier", "compress")

# Spellings that scripts of users rely on; what else there is, -h tells.
KNOWN = {
    "check": "net.cfg weights", "layers": "section", "init": "net.cfg out.weights",
    "bench": "net.cfg weights -batch -threads -runs -train -json",
    "embed": "net.cfg weights images out -flip -unit -half -batch -threads",
    "synth": "out -identities -images -seed -pairs -size -threads",
    "align": "images landmarks out -size -several -force -allow-missing -threads",
    "classifier train": "faces.data net.cfg weights -clear -resume -threads -seed -batches -every "
                        "-pairs -faces -verify -teacher -teacher-weights -cache -name -out",
    "classifier predict": "x.data net.cfg weights image -t -threads",
    "classifier valid": "x.data net.cfg weights -batch -threads",
    "classifier raw": "net.cfg weights in.f32 out.f32 -batch -threads",
    "compress low-rank": "net.cfg weights images out.cfg out.weights -rank -energy -speedup -flops "
                         "-method -samples -positions -multiple -all -csv -seed -threads -force",
    "compress pack": "net.cfg weights out.packed -half",
    "compress unpack": "in.packed net.cfg out.weights"}


class Verb:
    """A verb as its -h describes it: places and options, those in [brackets] may be left out."""

    def __init__(self, name):
        self.name, self.words = name, name.split()
        self.text = darknet("help", *self.words).stdout
        usage, _, self.body = self.text.partition("\n\n")
        usage = " ".join(usage.split()).removeprefix(f"usage: darknet {name}").strip()
        self.needed, self.more, self.options, self.must = [], [], {}, {}
        for part in re.findall(r"\[[^]]*\]|-\S+ \S+|\S+", usage):
            word, _, value = part.strip("[]").partition(" ")
            if word[0] != "-":
                (self.more if part[0] == "[" else self.needed).append(word)
                continue
            self.options[word] = self.good_value(word, value)
            if part[0] != "[":
                self.must[word] = self.options[word]
        if name == "compress low-rank":
            self.must["-rank"] = self.options["-rank"]

    def good_value(self, option, value):
        """Words that the option takes as value; none for a flag."""
        row = re.search(rf"^  {option}[ \n].*(\n     .*)*", self.body, re.M)
        row = " ".join(row[0].split()) if row else ""
        bound = re.search(r"; (from|at least|above) (\d+)", row)
        if bound:
            return [str(int(bound[2]) + 1) if bound[1] == "above" else bound[2]]
        return [w.split("|")[0] for w in value.split()]

    def call(self, places, more=(), but=None):
        """The verb, these arguments, the options that it needs."""
        must = (w for o, value in self.must.items() if o != but for w in (o, *value))
        return (*self.words, *places, *must, *more)


def refused(what, words, *texts):
    """Status 2, these texts in the message, the usage below it, nothing on stdout."""
    done = darknet(*words)
    ok = (done.returncode == 2 and not done.stdout and done.stderr.startswith("darknet: ") and
          all(t in done.stderr for t in texts))
    check(ok, f"{what}: {' '.join(words)}", done.returncode, done.stdout, done.stderr, texts)


def explains(verb):
    """The same help, wherever -h stands; a line for each row."""
    text = verb.text
    check(text.startswith(f"usage: darknet {verb.name}"), f"{verb.name} -h", text)
    check(max(map(len, text.splitlines())) < 80, f"{verb.name} -h fits 79 columns", text)
    check(not re.search(r"[ ]$", text, re.M), f"{verb.name} -h: blanks at an end")
    for words in (("-h",), (*verb.needed, "--help"), ("-no-such", "-h", "x")):
        done = darknet(*verb.words, *words)
        check((done.returncode, done.stdout, done.stderr) == (0, text, ""),
              f"{verb.name} {' '.join(words)}", done.returncode, done.stderr)
    rows = re.findall(r"^  (-?[\w.-]+)(?: \S+)*(?:\n {4,}|  +)\S", verb.body, re.M)
    check(sorted(rows) == sorted([*verb.needed, *verb.more, *verb.options, "-h"]),
          f"{verb.name} -h: a line for each", rows)
    lost = set(KNOWN.get(verb.name, "").split()) - set(rows)
    check(not lost, f"{verb.name} -h: spellings of old", lost)


def refuses(verb):
    name, usage = verb.name, f"usage: darknet {verb.name}"
    for i, place in enumerate(verb.needed):
        refused("too few", verb.call(verb.needed[:i]), f"{name}: {place} is missing\n{usage}")
    for option in verb.must if name != "compress low-rank" else ():
        refused("needed", verb.call(verb.needed, but=option), f"{name}: {option} ", " is missing\n")
    refused("too many", verb.call((*verb.needed, *verb.more, "spare")), "'spare' is one too many")
    refused("unknown", verb.call(verb.needed, ("-no-such-thing",)),
            f"{name} has no option -no-such-thing\n{usage}")
    for k, option in enumerate(verb.options):
        refuses_option(verb, option, verb.options[option], k)


def refuses_option(verb, option, value, k):
    """One fault for each option, another for the next: every call costs a tenth of a second."""
    alone = verb.call(verb.needed, but=option)
    bad = ("-1", "x", "", "1e99999", "nan", "0x1", "2 ", "99999999999999999999")[k % 8]
    fault = k % 4 if value else k % 2
    if fault == 0:
        refused("twice", (*alone, option, *value, option, *value),
                f"{option} is given twice\nusage: darknet {verb.name}")
    elif fault == 1 and len(option) > 4:
        wrong = option[:-1] if k % 3 else "-" + option
        refused("mistyped", (*alone, wrong), f"{verb.name} has no option {wrong}; did you mean -")
    elif fault == 1:
        refused("with =", (*alone, f"{option}=1"), f"did you mean {option} 1?")
    elif fault == 2 or not value[0].isdigit():
        refused("no value", (*alone, option, *(("-resume",) if k % 3 else ())),
                f"{option} needs a value: ")
    else:
        refused("a bad number", (*alone, option, bad), f"{option} {bad}: must be a ")


def ends_options():
    """Behind "--" a word that begins with '-' is a file's name, and so is "-" alone."""
    for words, read in ((("check", "--", "-h"), "-h"), (("bench", "-json", "--", "-json"), "-json"),
                        (("init", "--", "-a", "-b"), "-a"), (("init", "-", "b"), "-"),
                        (("classifier", "raw", "a", "--", "--", "c", "-h"), "a"),
                        (("compress", "unpack", "--", "-a", "-b", "-c"), "-b")):
        done = darknet(*words)
        check(done.returncode == 1 and done.stderr.startswith(f"{read}: cannot read:"),
              " ".join(words), done.returncode, done.stderr)


def mistyped_verbs(verbs):
    for words, near in ((("chek",), "check"), (("Check",), "check"), (("tarin",), None),
                        (("",), None), (("embd",), "embed"), (("detecter",), "detector"),
                        (("hlep",), "help"), (("-x",), None), (("classifier", "trian"), "train"),
                        (("classifier", "vaild", "a", "b"), "valid"), (("classifier", ""), None),
                        (("classifier", "Train"), "train"), (("compress", "unpak"), "unpack"),
                        (("compress", "detector"), None), (("help", "chek"), "check"),
                        (("help", "classifier", "rwa"), "raw")):
        named = " ".join(words[1:] if words[0] == "help" else words[:2])
        refused("mistyped", words,
                f"no verb '{named}'; " + (f"did you mean '{near}'?" if near else "`darknet "))
    refused("no sub-verb", ("help", "check", "it"), "'check' has no verbs of its own")
    for group in ("classifier", "compress"):
        done = darknet(group)
        for verb in (v for v in verbs if v.words[0] == group):
            check(done.returncode == 2 and f"darknet {verb.name} " in done.stderr and
                  all(f"[{o}" in done.stderr for o in verb.options), group, done.stderr)
        for words in ((group, "-h"), (group, "--help"), ("help", group)):
            told = darknet(*words)
            check((told.returncode, told.stdout) == (0, done.stderr), f"{words}", told.stdout)
    check(darknet().returncode == 2, "no verb")
    for words in (("-h",), ("--help",), ("help",), ("help", "-h")):
        done = darknet(*words)
        check(done.returncode == 0 and
              all(f"  {v.words[0]} " in done.stdout for v in verbs), f"{words}", done.stdout)


def hands_on():
    """What only the host's command knows goes there, its exit status and all."""
    if not os.access(HOST, os.X_OK):
        skip("the host's verbs", f"{HOST} is not installed")
        return
    for words in (("detector",), ("yolo",), ("rnn",), ("cifar",), ("nightmare",),
                  ("classifier", "fout"), ("classifier", "validmulti")):
        mine, theirs = darknet(*words), run(HOST, *words)
        check((mine.returncode, mine.stderr.replace(DARKNET, HOST)) ==
              (theirs.returncode, theirs.stderr), f"{words}", mine.stderr, theirs.stderr)
    refused("no help", ("help", "detector"), "detector is a verb of /usr/bin/darknet")


def bodies():
    """Arguments that are right one by one, but not together."""
    train = ("classifier", "train", "a.data", "b.cfg")
    refused("-name", (*train, "-name", "a/b"), "-name: must be a name without '/'")
    refused("-name", (*train, "-name", ""), "-name: must be a name without '/'")
    refused("-out", (*train, "-out", ""), "-out: must name a folder")
    cfg = os.path.join(ROOT, "cfg", "mobilefacenet.cfg")
    check(darknet("init", cfg, "-h").returncode == 0, "init net.cfg -h")


def names_results():
    """-name and -out say where a run's files are."""
    cfg = write("tiny.cfg", "[net]\nheight=8\nwidth=8\nchannels=3\nbatch=2\nmax_batches=2\n"
                            "learning_rate=.01\n[connected]\noutput=2\n[softmax]\n")
    faces = darknet("synth", "s", "-identities", "2", "-images", "2", "-size", "32")
    check(faces.returncode == 0, "synth", faces.stderr)
    done = darknet("classifier", "train", "s/faces.data", cfg, "-name", "run 1.x", "-out", "a b")
    check(done.returncode == 0, "-name and -out", done.stderr)
    there = os.listdir("a b") if os.path.isdir("a b") else []
    check("run 1.x.weights" in there and all(n.startswith("run 1.x") for n in there),
          "-name and -out: files", there)
    check(not os.path.exists("s/backup"), "-out stands for backup=")


def all_verbs():
    """Those that `darknet help` and the help of the groups list."""
    names = re.findall(r"^  ([a-z-]+)  ", darknet("help").stdout, re.M)
    names = [n for n in names if n not in (*GROUPS, "help")]
    for group in GROUPS:
        names += re.findall(rf"^(?:usage: |       )darknet ({group} \S+)",
                            darknet("help", group).stdout, re.M)
    check(set(KNOWN) <= set(names), "verbs", names)
    return [Verb(n) for n in names]


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        verbs = all_verbs()
        for verb in verbs:
            explains(verb)
            refuses(verb)
        mistyped_verbs(verbs)
        hands_on()
        bodies()
        ends_options()
        check(os.listdir(".") == [], "nothing was made", os.listdir("."))
        names_results()
        os.chdir(ROOT)
    summary()


main()
