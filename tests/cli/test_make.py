"""Tests the Makefile. Most recipes are only printed, or run a small program in place of Python."""
import os
import re
import shutil
import sys
import threading

import common
from common import attempt_all, expect, read, run, summary, write, DARKNET, ROOT

# The environment without the variables of the make that runs the tests
CLEAN = {k: v for k, v in os.environ.items() if "MAKE" not in k and k not in ("MFLAGS", "T")}
# a program that writes its arguments to NAME.said, one in each line
ECHO = "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$0.said\"\n"


def make(*words, folder=ROOT, **environment):
    return run("make", *words, cwd=folder, env={**CLEAN, **environment})


def echo(name):
    path = os.path.abspath(write(name, ECHO))
    os.chmod(path, 0o755)
    return path


def said(path):
    return read(path + ".said").decode().splitlines()


def names_with_quotes():
    python = echo("it's a python")
    done = make("-o", "bin/darknet", "run", f"PYTHON={python}", "OUT=a 'b' $$c",
                "FACES=it's \"faces\"", "LFW=l f w", "PAIRS=p;q")
    expect(done.returncode == 0, done.stderr)
    want = ["scripts/homework.py", "--out", "a 'b' $c", "--faces", "it's \"faces\"",
            "--lfw", "l f w", "--pairs", "p;q"]
    expect(said(python) == want, said(python))
    for target in ("run", "homework"):
        make("-o", "bin/darknet", target, f"PYTHON={python}")
        expect(said(python)[1:3] == ["--out", target], said(python))


def clean_environment():
    foreign = {"V": "1", "DEBUG": "1", "ASAN": "1", "FUZZ": "1", "OPENCV": "1", "GPU": "1",
               "MPI": "1", "LAYERS": "/nowhere", "LAYER": "x",
               "DARKNET": "/nowhere", "T": "no_such_test", "OUT": "x", "ARGS": "--no-such",
               "FACES": "f", "LFW": "l", "PAIRS": "p", "BENCH": "-no-such", "SECONDS": "9"}
    for words in (("print-obj",), ("-n", "-B", "bin/darknet"), ("-n", "run"), ("-n", "bench"),
                  ("-n", "-o", "bin/darknet", "test"), ("-e", "print-obj")):
        plain, other = make(*words), make(*words, **foreign)
        expect(plain.returncode == 0 and (plain.stdout, 0) == (other.stdout, other.returncode),
               f"{words}: {other.stdout[-300:]} {other.stderr}")
    expect(make("print-obj", "DEBUG=1").stdout != make("print-obj").stdout, "DEBUG=1 does nothing")
    expect("no code for it" in make("print-obj", "MPI=1").stderr, "MPI=1 is taken")
    expect("darknet-gpu" in make("-n", "bin/darknet", "GPU=1").stdout, "GPU=1 does nothing")
    python = echo("python")
    make("-o", "bin/darknet", "run", PYTHON=python)
    expect(said(python)[0] == "scripts/homework.py", "PYTHON of the environment is taken")


def tests_make_one_after_the_other():
    """common.make: two makes at the same time would link one program twice."""
    said_by_make = os.path.abspath("said")
    write("bin/make", "#!/bin/sh\nexec >> '" + said_by_make + "'\n"
                      "echo begin\nsleep .3\necho end\n")
    os.chmod("bin/make", 0o755)
    environment = {**os.environ, "PATH": os.path.abspath("bin") + ":" + os.environ["PATH"]}
    threads = [threading.Thread(target=common.make, args=("-s",), kwargs={"env": environment})
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = read(said_by_make).split()
    expect(lines == [b"begin", b"end"] * 3, lines)


def copy(folder):
    """Copies what make needs to compile one file."""
    for name in ("Makefile", "darknet", "layers_ext", "tests/lint.sh", "tests/lib"):
        path = os.path.join(ROOT, name)
        to = os.path.join(folder, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.isdir(path):
            shutil.copytree(path, to)
        else:
            shutil.copy(path, to)


def packages_first():
    copy("first")
    # deps.sh takes a second: a compiler that starts too early does not find the file "there"
    write("first/scripts/install/deps.sh", "sleep 1\ntouch there\n")
    compiler = os.path.abspath(write("cc", "#!/bin/sh\n[ -e there ] || echo early >> early\n"
                                           "exit 1\n"))
    os.chmod(compiler, 0o755)
    write("first/tests/lint.sh", "[ -e there ] || echo early >> early\n")
    obj = make("print-obj", f"CC={compiler}", folder="first").stdout.strip()
    for words in (("-j4", "deps", "all"), ("deps", "all"), ("deps", f"{obj}/tests/faults.so"),
                  ("deps", f"{obj}/tests/standin/libcuda.so.1"), ("lint-deps", "lint")):
        make(*words, f"CC={compiler}", folder="first")
        expect(os.path.exists("first/there"), f"{words}: deps did not run")
        expect(not os.path.exists("first/early"), f"{words}: something ran before deps ended")
        os.remove("first/there")


def all_cores():
    """One target is made with all cores, several targets one after the other."""
    def jobs(*words):
        flags = re.search("^MAKEFLAGS = (.*)", make("-pn", *words).stdout, re.M)[1]
        return re.findall(r"(?<!-)-j\S*", flags)
    want = [f"-j{len(os.sched_getaffinity(0))}"]
    for words, number in (((), want), (("run",), want), (("deps", "test"), want),
                          (("clean", "all"), []), (("lint", "test"), []),
                          (("deps", "opencv-deps"), []), (("-j3", "all"), ["-j3"])):
        got = jobs(*words)
        expect(got == number, f"make {words}: {got}, not {number}")


def folder_with_a_space():
    folder = "it's a folder"
    copy(folder)
    obj = make("print-obj", folder=folder).stdout.strip()
    done = make(f"{obj}/darknet/base/err.o" if os.path.exists(f"{ROOT}/darknet/base/err.c")
                else f"{obj}/darknet/cmd/args.o", folder=folder)
    expect(done.returncode == 0, done.stderr)
    done = make("-n", "bin/darknet", "DARKNET=/a b", folder=folder)
    expect("-L'/a b'" in done.stdout and "-rpath,'/a b'" in done.stdout, done.stdout[-500:])


def expect_no_opencv(program, folder):
    """Checks that a program loads empty libraries from `folder` in place of OpenCV's."""
    lines = run("ldd", program).stdout.splitlines()
    opencv = [line for line in lines if "libopencv" in line]
    expect(opencv and all(folder in line for line in opencv), opencv)
    expect(len(lines) < 60, f"{len(lines)} libraries")


def starts_without_opencv():
    """bin/darknet does not load OpenCV, whose 240 libraries would make a start ten times longer."""
    if os.path.exists(os.path.join(os.path.dirname(DARKNET), "no-opencv")):
        expect_no_opencv(DARKNET, "no-opencv")


def installs():
    folder = os.path.abspath("to 'here'")
    there = {"usr/my dir/bin/darknet", "usr/my dir/share/zsh/site-functions/_darknet",
             "usr/my dir/share/bash-completion/completions/darknet"}
    words = ("-o", "bin/darknet", f"DESTDIR={folder}/", "PREFIX=usr/my dir")
    done = make(*words, "install")
    expect(done.returncode == 0, done.stderr)
    found = {os.path.relpath(os.path.join(at, name), folder)
             for at, _, names in os.walk(folder) for name in names}
    in_place = {name for name in found if name.startswith("usr/my dir/lib/thinface/")}
    expect(found - in_place == there, found)
    if in_place:
        expect_no_opencv(f"{folder}/usr/my dir/bin/darknet", "lib/thinface")
    for name in there:
        expect(os.path.getsize(os.path.join(folder, name)) > 1000, name)
    expect(read(f"{folder}/usr/my dir/bin/darknet") == read(DARKNET), "another command")
    expect(make(*words, "uninstall").returncode == 0, "uninstall")
    expect(not any(names for _, _, names in os.walk(folder)), "something is left")


def the_hosts_own_command_stays():
    for prefix in ("/usr", "/usr/", "/usr/local/../"):
        done = make("-n", "install", f"PREFIX={prefix}")
        expect(done.returncode == 0, done.stderr)
        check = [line for line in done.stdout.splitlines() if "-ef" in line]
        expect(len(check) == 1, done.stdout)
        made = run("sh", "-c", done.stdout[done.stdout.index(check[0]):].split("install -D")[0])
        expect(made.returncode == 1 and "this would replace /usr/bin/darknet" in made.stderr,
               f"{prefix}: {made.stderr}")


def folders_of_layers():
    for name in "my layers/gain.c", "own/l2norm.c", "dash/my-layer.c", "other/helper.c":
        write(name, "")
    for folder, why in (
            ("my layers", "make cannot read a folder whose path has a space"),
            ("own", "l2norm.c: layers_ext has a layer of this name, too"),
            ("other", "helper.c: defines no layer type dnx_helper"),
            ("dash", "my-layer.c: the name of a layer cannot have a '-'"),
            ("none", "no *.c there")):
        folder = os.path.abspath(folder)
        done = make("-n", "bin/darknet", f"LAYERS={folder}")
        expect(done.returncode == 2, done.stderr)
        expect(done.stderr.endswith(f"*** LAYERS={folder}: {why}.  Stop.\n"), done.stderr)


def packages():
    """deps.sh installs libjpeg-dev, because Ubuntu has no libjpeg62-turbo-dev."""
    text = read(os.path.join(ROOT, "scripts/install/deps.sh")).decode()
    expect("libjpeg-dev" in text and "turbo" not in text, "libjpeg62-turbo-dev is Debian's alone")


def half_installed():
    """bench_deps.sh calls npm again when .package-lock.json, which npm writes last, is missing."""
    install = "bench/scripts/install/bench_deps.sh"
    write(install, read(os.path.join(ROOT, "scripts/install/bench_deps.sh")))
    write("bench/scripts/install/deps.sh", "")
    npm, modules = echo("npm"), "bench/build/bench/node_modules/"
    version = re.search(r"onnxruntime-node@(\S+)", read(install).decode())[1]
    for path, key in (("onnxruntime-node/package.json", ""),
                      (".package-lock.json", '"node_modules/onnxruntime-node": {\n')):
        write(modules + path, f'{{\n{key}"version": "{version}"\n')
        done = run("sh", install, env={**CLEAN, "PATH": f"{os.path.dirname(npm)}:{CLEAN['PATH']}"})
        is_called = os.path.exists(npm + ".said")
        expect(done.returncode == 0 and is_called == (not key), f"{path}: {done}")
        if is_called:
            os.remove(npm + ".said")


def python_without_numpy():
    write("sitecustomize.py", "import sys\nsys.modules['numpy'] = None\n")
    env = {"PYTHONPATH": os.path.abspath("."), "PYTHON": sys.executable}
    for target in ("run", "homework"):
        done = make("-o", "bin/darknet", target, f"OUT={os.path.abspath('none')}", **env)
        expect(done.returncode != 0 and "Traceback" not in done.stderr and
               "make: python3-numpy is not installed for" in done.stderr,
               f"{target}: {done.stderr}")
    os.remove("sitecustomize.py")


def main():
    attempt_all(lambda: None, names_with_quotes, clean_environment,
                tests_make_one_after_the_other, packages_first, all_cores,
                folder_with_a_space, installs, starts_without_opencv,
                the_hosts_own_command_stays, folders_of_layers, packages, half_installed,
                python_without_numpy)
    summary()


main()
