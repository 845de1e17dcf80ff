"""test_outside.py - layers outside of the project, as layers_ext/README.md teaches: the examples in
tests/data/layers are built in, listed and checked, and a wrong layer is detected."""
import os
import shutil

from common import attempt_all, expect, read, run, summary, write, ROOT

CLEAN = {k: v for k, v in os.environ.items() if "MAKE" not in k and k not in ("MFLAGS", "T")}
EXAMPLES = os.path.join(ROOT, "tests", "data", "layers")


def make(*words):
    return run("make", "-j2", *words, cwd=ROOT, env=CLEAN)


def examples_keep_the_contract():
    for layer in ("clipped", "product"):
        done = make("LAYERS=tests/data/layers", "check-layer", f"LAYER={layer}")
        expect(done.returncode == 0, f"{layer}: {done.stdout[-800:]} {done.stderr}")
        expect("0 failed" in done.stdout and "warning" not in done.stderr,
               f"{done.stdout} {done.stderr}")


def command_has_them():
    """The command of that build, which is not bin/darknet, lists the examples and their folder."""
    built = make("LAYERS=tests/data/layers", "print-obj").stdout.strip()
    done = make("LAYERS=tests/data/layers", f"{built}/bin/darknet")
    expect(done.returncode == 0, done.stderr)
    command = os.path.join(ROOT, built, "bin", "darknet")
    done = run(command, "layers")
    expect("clipped" in done.stdout and "tests/data/layers/clipped.c" in done.stdout, done.stdout)
    expect("largest output" in run(command, "layers", "clipped").stdout, "options are not listed")
    cfg = write("net.cfg", "[net]\nheight=4\nwidth=4\nchannels=3\n[clipped]\nceiling=2\n"
                           "[clipped]\n[product]\nfrom=-2\n")
    done = run(command, "check", cfg)
    expect(done.returncode == 0, done.stderr)
    done = run(command, "check", write("bad.cfg", read(cfg).decode().replace("=2\n", "=-2\n")))
    expect(done.returncode == 1 and "[clipped] ceiling=-2" in done.stderr, done.stderr)


def wrong_layer_is_found():
    """A layer that ignores `dx_adds` loses the gradient of another reader of its input; the check
    finds it."""
    os.makedirs("mine")
    shutil.copy(f"{EXAMPLES}/clipped.rows", "mine")
    text = read(f"{EXAMPLES}/clipped.c").decode()
    right = "p->dx_adds[0] ? dx[i] + d : d;"
    expect(right in text, "the example has changed: change this test")
    write("mine/clipped.c", text.replace(right, "d;"))
    layers = f"LAYERS={os.path.abspath('mine')}"
    try:
        done = make(layers, "check-layer", "LAYER=clipped")
        expect(done.returncode != 0 and "clipped" in done.stdout, done.stdout[-800:] + done.stderr)
    finally:
        built = make(layers, "print-obj").stdout.strip()
        if "with-" in built:
            shutil.rmtree(os.path.join(ROOT, built), ignore_errors=True)


def text_shows_the_file():
    """The listing in layers_ext/README.md is the file that is tested here."""
    text = read(os.path.join(ROOT, "layers_ext", "README.md")).decode()
    for layer in ("clipped", "product"):
        expect(f"```c\n{read(f'{EXAMPLES}/{layer}.c').decode()}```" in text,
               f"layers_ext/README.md shows another {layer}.c")


attempt_all(lambda: None, examples_keep_the_contract, command_has_them, wrong_layer_is_found,
            text_shows_the_file)
summary()
