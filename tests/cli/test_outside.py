"""test_outside.py - builds and checks a user's layers, as layers_ext/WRITING.md teaches."""
import csv
import os
import shutil

from common import attempt_all, expect, expect_end, read, run, summary, write, ROOT
from outside import EXAMPLES, build_command, make
from lib.cfg_text import without_losses
from small_run import CFG, data, make_inputs, train

SHOWN = ("clipped", "gain", "product", "difference")  # layers_ext/WRITING.md shows these files
LAYERS = SHOWN + ("pointwise", "sum", "linear_softmax")


def examples_keep_the_contract():
    for layer in LAYERS:
        done = make("LAYERS=tests/data/layers", "check-layer", f"LAYER={layer}")
        expect(done.returncode == 0, f"{layer}: {done.stdout[-800:]} {done.stderr}")
        expect("0 failed" in done.stdout and "warning" not in done.stderr,
               f"{done.stdout} {done.stderr}")


def command_has_them():
    command = build_command()
    done = run(command, "layers")
    expect("clipped" in done.stdout and "tests/data/layers/clipped.c" in done.stdout, done.stdout)
    os.environ["DARKNET_BIN"] = command
    for loss in ("difference", "center_loss", "softmax"):
        cfg = f"[net]\n[clipped]\n[{loss}]\n[{loss}]\n"
        expect(without_losses(cfg) == "[net]\n[clipped]\n", without_losses(cfg))
    expect("largest output" in run(command, "layers", "clipped").stdout, "options are not listed")
    cfg = write("net.cfg", "[net]\nheight=4\nwidth=4\nchannels=3\n[clipped]\nceiling=2\n"
                           "[clipped]\n[product]\nfrom=-2\n")
    done = run(command, "check", cfg)
    expect(done.returncode == 0, done.stderr)
    done = run(command, "check", write("bad.cfg", read(cfg).decode().replace("=2\n", "=-2\n")))
    expect(done.returncode == 1 and "[clipped] ceiling=-2" in done.stderr, done.stderr)


def loss_with_a_teacher_trains():
    """[difference] as the only loss brings a student closer to its teacher."""
    command = build_command()
    make_inputs()
    expect_end(train(data("faces", "teacher"), "-batches", "20"))
    body = CFG[:CFG.index("[softmax]")]
    of_teacher = "teacher=net.cfg\nweights=teacher/net.weights\nlayer=2\n"
    cfg = write("student.cfg", body.replace("seed=3", "seed=4") + "[difference]\n" + of_teacher)
    done = run(command, "classifier", "train", data("faces", "student"), cfg, "-batches", "60")
    expect_end(done)
    expect("teacher" in run(command, "layers", "difference").stdout, "options of the teacher")
    losses = [float(r["loss"]) for r in csv.DictReader(open("student/student.csv"))]
    expect(losses[-1] < .5 * losses[0], f"the loss does not fall: {losses}")
    wrong = write("wrong.cfg", body.replace("output=3", "output=4") + "[difference]\n" + of_teacher)
    done = run(command, "classifier", "train", data("faces", "wrong"), wrong, "-batches", "1")
    expect_end(done, 1, "[difference]", "does not fit the teacher's 1 x 1 x 3")


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
    text = read(f"{EXAMPLES}/clipped.c").decode()
    right = "p->dx_adds[0] ? dx[i] + d : d;"
    expect(right in text, "the example has changed: change this test")
    check_fails("clipped", text.replace(right, "d;"), read(f"{EXAMPLES}/clipped.rows").decode())
    loss = read(f"{EXAMPLES}/difference.c").decode()
    expect("p->target && " in loss, "the example has changed: change this test")
    said = check_fails("difference", loss.replace("p->target && ", ""), "2 1 1 3 3e-3\n")
    expect("p->target is NULL: the layer crashes" in said, said[-800:])
    expect(" 0 failed" not in said, said)
    said = check_fails("clipped", text.replace(right, "*(volatile int *)0;"),
                       read(f"{EXAMPLES}/clipped.rows").decode())
    expect("signal 11 (Segmentation fault) in check_gradients of [clipped]" in said, said[-800:])
    said = check_fails("clipped", text.replace('.name = "clipped"', '.name = "cliped"'),
                       read(f"{EXAMPLES}/clipped.rows").decode())
    expect('.name is "cliped": must be the file\'s name, "clipped"' in said, said[-800:])


def text_shows_the_file():
    text = read(os.path.join(ROOT, "layers_ext", "WRITING.md")).decode()
    for layer in SHOWN:
        expect(f"```c\n{read(f'{EXAMPLES}/{layer}.c').decode()}```" in text,
               f"layers_ext/WRITING.md shows another {layer}.c")


attempt_all(lambda: None, examples_keep_the_contract, command_has_them, loss_with_a_teacher_trains,
            wrong_layers_are_found, text_shows_the_file)
summary()
