"""test_outside.py - layers outside of the project, as layers_ext/README.md teaches: the examples in
tests/data/layers are built in, listed and checked, and a wrong layer is detected."""
import os
import shutil

from common import attempt_all, expect, read, run, summary, write, ROOT

CLEAN = {k: v for k, v in os.environ.items() if "MAKE" not in k and k not in ("MFLAGS", "T")}
EXAMPLES = os.path.join(ROOT, "tests", "data", "layers")

# A loss of distillation: half the squared distance to the teacher's output, always read.
COPYCAT = """#include "layer/classifier.h"
#include <math.h>

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = (dnx_shape){1, 1, 1};
    return DNX_OK;
}
static void forward(dnx_node *n, dnx_pass *p) {
    size_t size = dnx_size(n->in[0]);
    p->loss = 0;
    for (size_t b = 0; b < (size_t)p->batch; b++) {
        double sum = 0;
        for (size_t i = b * size; i < (b + 1) * size; i++)
            sum += pow((double)p->x[0][i] - (double)p->target[i], 2) / 2;
        p->y[b] = (float)sum;
        p->loss += sum;
    }
}
static void backward(dnx_node *n, dnx_pass *p) {
    size_t count = (size_t)p->batch * dnx_size(n->in[0]);
    for (size_t i = 0; p->dx[0] && i < count; i++) {
        float d = p->target[i] - p->x[0][i];
        p->dx[0][i] = p->dx_adds[0] ? p->dx[0][i] + d : d;
    }
}
typedef struct {
    dnx_list from;
} opts;
static const dnx_opt options[] = {DNX_OPT_LAYERS(opts, from, "the student's layer"), DNX_OPT_END};
static const dnx_classifier classifier = {.target = DNX_FEATURE};
const dnx_layer_type dnx_copycat = {
    .name = "copycat", .summary = "imitates the teacher", .is_loss = true, .layers_key = "from",
    .options = options, .opts_size = sizeof(opts),
    .make = make, .forward = forward, .backward = backward, .classifier = &classifier};
"""


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


def check_fails(layer, text, rows):
    """Returns what `make check-layer` prints for a layer that must not pass."""
    os.makedirs("mine", exist_ok=True)
    write(f"mine/{layer}.rows", rows)
    write(f"mine/{layer}.c", text)
    layers = f"LAYERS={os.path.abspath('mine')}"
    try:
        done = make(layers, "check-layer", f"LAYER={layer}")
        expect(done.returncode != 0 and layer in done.stdout, done.stdout[-800:] + done.stderr)
        return done.stdout
    finally:
        built = make(layers, "print-obj").stdout.strip()
        if "with-" in built:
            shutil.rmtree(os.path.join(ROOT, built), ignore_errors=True)
        shutil.rmtree("mine")


def wrong_layers_are_found():
    """The check finds a layer that ignores `dx_adds`, which loses the gradient of another reader of
    its input, and a loss that reads the teacher's output where a network has no teacher."""
    text = read(f"{EXAMPLES}/clipped.c").decode()
    right = "p->dx_adds[0] ? dx[i] + d : d;"
    expect(right in text, "the example has changed: change this test")
    check_fails("clipped", text.replace(right, "d;"), read(f"{EXAMPLES}/clipped.rows").decode())
    said = check_fails("copycat", COPYCAT, "2 1 1 3 3e-3\n")
    expect("p->target is NULL: the layer crashes" in said, said[-800:])
    expect("0 failed" not in said, said)


def text_shows_the_file():
    """The listing in layers_ext/README.md is the file that is tested here."""
    text = read(os.path.join(ROOT, "layers_ext", "README.md")).decode()
    for layer in ("clipped", "product"):
        expect(f"```c\n{read(f'{EXAMPLES}/{layer}.c').decode()}```" in text,
               f"layers_ext/README.md shows another {layer}.c")


attempt_all(lambda: None, examples_keep_the_contract, command_has_them, wrong_layers_are_found,
            text_shows_the_file)
summary()
