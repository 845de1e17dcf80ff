"""test_options.py - the command line of every verb."""
import os
import re
import select
import shlex
import shutil
import subprocess
import tempfile

from common import check, darknet, run, skip, summary, write, DARKNET, ROOT

HOST = "/usr/bin/darknet"
GROUPS = ("classifier", "compress")

# Arguments and options that scripts of users rely on: -h must list them.
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
    """The arguments and options of a verb, read from its -h. must: the required options."""

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
        """Returns a value that the option accepts, as a list of words: empty for a flag."""
        row = re.search(rf"^  {option}[ \n].*(\n     .*)*", self.body, re.M)
        row = " ".join(row[0].split()) if row else ""
        bound = re.search(r"; (from|at least|above) (\d+)", row)
        if bound:
            return [str(int(bound[2]) + 1) if bound[1] == "above" else bound[2]]
        words = re.search(r"; one of ([^,]+), ", row)
        return [words[1] if words else w.split("|")[0] for w in value.split()]

    def call(self, places, more=(), but=None):
        """Returns the words of a command line: the verb, the arguments `places`, the required
        options except the option `but`, and then the words `more`."""
        must = (w for o, value in self.must.items() if o != but for w in (o, *value))
        return (*self.words, *("bash" if p == "shell" else p for p in places), *must, *more)


def refused(what, words, *texts):
    """The call must end with status 2 and a message with these texts."""
    done = darknet(*words)
    ok = (done.returncode == 2 and not done.stdout and done.stderr.startswith("darknet: ") and
          all(t in done.stderr for t in texts))
    check(ok, f"{what}: {' '.join(words)}", done.returncode, done.stdout, done.stderr, texts)


def explains(verb):
    """-h prints the same help at any place of the command line, with a line for each option."""
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
        refused("too few", verb.call(verb.needed[:i]),
                f"{name}: the argument {place} is missing\n{usage}")
    for option in verb.must if name != "compress low-rank" else ():
        refused("needed", verb.call(verb.needed, but=option), f"{name}: {option} ", " is missing\n")
    refused("too many", verb.call((*verb.needed, *verb.more, "spare")),
            "'spare' is one too many" if verb.needed or verb.more else "takes no argument 'spare'")
    refused("unknown", verb.call(verb.needed, ("-no-such-thing",)),
            f"{name} has no option -no-such-thing\n{usage}")
    for k, option in enumerate(verb.options):
        refuses_option(verb, option, verb.options[option], k)


def refuses_option(verb, option, value, k):
    """Tests one mistake with an option. The option's number k selects the mistake, because testing
    all mistakes would take too long."""
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
    """After "--" a word that begins with '-' is the name of a file. "-" alone is always a name."""
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
                        (("train", "a"), "classifier train"), (("help", "train"),
                                                               "classifier train"),
                        (("help", "classifier", "rwa"), "raw")):
        named = " ".join(words[1:] if words[0] == "help" else
                         words[:2 if words[0] in ("classifier", "compress") else 1])
        refused("mistyped", words,
                f"no verb '{named}'; " + (f"did you mean '{near}'?" if near else "`darknet "))
    refused("a wrong word", ("completion", "fish"), "shell fish: must be bash or zsh")
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
    refused("of [net]", ("classifier", "train", "a.data", "a.cfg", "-lr", ".1"),
            "classifier train has no option -lr; [net] has learning_rate=")
    for words in (("-h",), ("--help",), ("help",), ("help", "-h"), ("help", "help")):
        done = darknet(*words)
        check(done.returncode == 0 and
              all(f"  {v.words[0]} " in done.stdout for v in verbs), f"{words}", done.stdout)


def hands_on():
    if not os.access(HOST, os.X_OK):
        skip("the host's verbs", f"{HOST} is not installed")
        return
    for words in (("detector",), ("yolo",), ("rnn",), ("cifar",), ("nightmare",),
                  ("classifier", "fout"), ("classifier", "validmulti")):
        mine, theirs = darknet(*words), run(HOST, *words)
        check((mine.returncode, mine.stderr.replace(DARKNET, HOST)) ==
              (theirs.returncode, theirs.stderr), f"{words}", mine.stderr, theirs.stderr)
    refused("no help", ("help", "detector"), "detector is a verb of /usr/bin/darknet")


def never_hands_on_to_itself():
    mount = f"mount --bind {shlex.quote(DARKNET)} {HOST} && exec timeout 5 {HOST} yolo"
    done = run("unshare", "-rm", "sh", "-c", mount)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        skip("never hands on to itself", done.stderr.strip())
        return
    check(done.returncode == 1 and done.stderr == "darknet: yolo is a verb of /usr/bin/darknet, "
          f"but {HOST} is this one\n", "hands on to itself", done.stderr)


def layers():
    done = darknet("layers", "conv")
    check(done.returncode == 0 and done.stdout == darknet("layers", "convolutional").stdout and
          "\n  other names: conv\n" in done.stdout, "layers conv", done.stdout, done.stderr)
    for section in ("net", "lrn", "convolutional"):
        done = darknet("layers", section)
        check(done.returncode == 0 and not re.search(r"\de\+\d", done.stdout),
              f"layers {section}", done.stdout)
    check("  height            whole number 1 to 8192; height" in darknet("layers", "net").stdout,
          "a default that is not allowed")
    for word, said in (("margin", "; did you mean [margin_softmax]?"),
                       ("CONV", "; did you mean [convolutional]?"),
                       ("relu", ": it is a word of an option of [activation]")):
        done = darknet("layers", word)
        check(done.stderr == f"darknet: no section [{word}]{said}\n", f"layers {word}", done.stderr)


def odd_cfgs():
    os.makedirs("folder.cfg", exist_ok=True)
    os.mkfifo("pipe.cfg")
    for name, why in (("folder.cfg", "Is a directory"),
                      ("pipe.cfg", "a pipe that nothing writes to")):
        done = darknet("check", name, timeout=20)
        check(done.returncode == 1 and done.stderr == f"{name}: cannot read: {why}\n", name,
              done.stderr)
    text = "[net]\nheight=8\nwidth=8\nchannels=3\n[connected]\noutput=2\n"
    for command in (f"{{ sleep .3; printf '{text}'; }} >pipe.cfg & exec \"$0\" init pipe.cfg w.1",
                    f"\"$0\" init <(sleep .3; printf '{text}') w.2"):
        done = run("bash", "-c", command.replace("\n", "\\n"), DARKNET)
        check(done.returncode == 0, command, done.stderr)


def bodies():
    train = ("classifier", "train", "a.data", "b.cfg")
    refused("-name", (*train, "-name", "a/b"), "-name: must be a name without '/'")
    refused("-name", (*train, "-name", ""), "-name: must be a name without '/'")
    refused("-out", (*train, "-out", ""), "-out: must name a folder")
    cfg = os.path.join(ROOT, "cfg", "mobilefacenet.cfg")
    check(darknet("init", cfg, "-h").returncode == 0, "init net.cfg -h")
    for size in ("4294967304x8", "0x8", "8", "8x8x", "8x-8", "+8x8", "8x 8"):
        refused("-size", ("check", cfg, "-size", size), f"-size {size}: must be HEIGHTxWIDTH")
    refused("-all", ("compress", "low-rank", *"abcde", "-speedup", "2", "-all"),
            "-all is for -rank and -energy")


def names_results():
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


def completed(*words):
    """Returns the completions that bash offers for the last word of a command line."""
    text = ("source darknet.bash; compopt() { :; }; COMP_WORDS=(darknet \"$@\"); COMP_CWORD=$#; "
            "_darknet; printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = run("bash", "-c", text, "bash", *words)
    check(done.returncode == 0 and not done.stderr, f"completes {words}", done.stderr)
    return done.stdout.split("\n")[:-1]


def completes(verbs):
    done = darknet("completion", "bash")
    check(done.returncode == 0 and not done.stderr, "completion bash", done.stderr)
    write("darknet.bash", done.stdout)
    os.mkdir("a folder")
    top = {v.words[0] for v in verbs}
    check(top | {"help", "detector", "-h"} <= set(completed("")), "verbs", completed(""))
    check(completed("che") == ["check"] and completed("help", "che") == ["check"], "one verb")
    check(set(completed("compress", "")) == {"low-rank", "pack", "unpack", "-h"}, "sub-verbs",
          completed("compress", ""))
    for verb in verbs:
        check(set(completed(*verb.words, "-")) == {*verb.options, "-h"}, f"options of {verb.name}")
    check(completed("embed", "a", "-flip", "") == ["sum", "concat"], "words of -flip")
    check(completed("embed", "a", "-flip", "c") == ["concat"], "one word of -flip")
    check(completed("embed", "-unit", "dark") == ["darknet.bash"], "files after a flag")
    check(completed("embed", "a f") == ["a folder"], "a file with a space")
    check(completed("classifier", "train", "-out", "") == ["a folder"], "folders of -out")
    check(completed("classifier", "train", "-pairs", "da") == ["darknet.bash"], "files of -pairs")
    check(completed("embed", "-batch", "") == [""], "no value of -batch")
    check(completed("completion", "") == ["bash", "zsh", "-h"], "words of a place")
    check(completed("layers", "margin") == ["margin_softmax"], "sections of layers")
    check({"net", "l2norm", "lstm"} <= set(completed("layers", "")), "all sections")
    check("darknet.bash" not in completed("layers", ""), "layers reads no file")
    done = darknet("completion", "zsh")
    check(done.stdout.startswith("#compdef darknet\n"), "completion zsh", done.stderr)
    write("_darknet", done.stdout)
    zsh = shutil.which("zsh")
    check(not zsh or run(zsh, "-n", "_darknet").returncode == 0, "zsh reads its script")
    for name in ("darknet.bash", "_darknet"):
        os.remove(name)
    os.rmdir("a folder")


def descriptors():
    cfg = write("c.cfg", "[net]\nheight=8\nwidth=8\nchannels=3\n[connected]\noutput=2\n")
    call = f"exec '{DARKNET}' init {cfg} c.weights"
    good = run("sh", "-c", call)
    size = os.path.getsize("c.weights")
    os.remove("c.weights")
    for closed in ("<&- >&- 2>&-", ">&-", "2>&-"):
        run("sh", "-c", f"{call} {closed}")
        check(good.returncode == 0 and os.path.getsize("c.weights") == size, closed)
        os.remove("c.weights")
    done = run("sh", "-c", f"exec '{DARKNET}' layers >&-")
    check(done.returncode == 1 and "cannot write" in done.stderr, "output closed", done.stderr)
    os.remove(cfg)


def by_the_line():
    cfg = write("slow.cfg", "[net]\nheight=8\nwidth=8\nchannels=3\nbatch=2\nmax_batches=1000000\n"
                            "learning_rate=.001\n[connected]\noutput=2\n[softmax]\n")
    with subprocess.Popen([DARKNET, "classifier", "train", "s/faces.data", cfg, "-out", "slow"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        began = select.select([process.stdout], [], [], 20)[0]
        check(began and process.poll() is None, "the first line is there while it trains")
        process.kill()


def isa():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = f.read()
    for value, flag in (("avx2", "avx2"), ("avx512", "avx512dq"), ("amx", "amx_int8")):
        done = darknet("layers", env={**os.environ, "DNX_ISA": value})
        check(done.returncode == 0 and (f" {flag}" in flags) == (not done.stderr), value,
              done.stderr)
        if done.stderr:
            check(re.fullmatch(f"darknet: DNX_ISA={value}: this processor lacks it; the "
                               "(plain|avx2|avx512) kernels run\n", done.stderr), value,
                  done.stderr)
    for value, status in (("avx3", 2), ("", 2), ("plain", 0)):
        done = darknet("layers", env={**os.environ, "DNX_ISA": value})
        check(done.returncode == status and (not status or done.stderr ==
              f"darknet: DNX_ISA={value}: must be plain, avx2, avx512 or amx\n"),
              f"DNX_ISA={value}",
              done.stderr)


def all_verbs():
    """Returns the verbs that `darknet help` and the help of the groups list."""
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
        never_hands_on_to_itself()
        layers()
        bodies()
        ends_options()
        completes(verbs)
        descriptors()
        isa()
        check(os.listdir(".") == [], "nothing was made", os.listdir("."))
        names_results()
        odd_cfgs()
        by_the_line()
        os.chdir(ROOT)
    summary()


main()
