"""test_gpu_check.py - runs gpu_check.sh without a GPU, with the stand-in of tests/lib/gpu."""
import json
import os
import shutil
import signal
import subprocess
import time

from common import ROOT, attempt_all, expect, expect_end, make, read, run, summary, write
from gpu_command import STANDIN, build

NET = """[net]
batch=2
height=6
width=6
channels=3
[convolutional]
filters=4
size=3
stride=2
pad=1
batch_normalize=1
[margin_softmax]
classes=3
"""
SANITIZER = """#!/bin/sh
[ "$2" = "$FAULTY" ] && { echo "a fault"; exit 9; }
shift 4
exec "$@"
"""


def script(path, text):
    write(path, text)
    os.chmod(path, 0o755)


def start():
    build()
    made = make("-s", "gpu-check", timeout=600)
    expect_end(made)
    shutil.copytree(os.path.join(ROOT, "build", "gpu-check"), "there")
    write("there/tiny.cfg", NET)
    script("there/check", "#!/bin/sh\necho '# largest difference, relative to the largest number: "
           "2e-05'\n[ -z \"$CHECK\" ] || eval \"$CHECK\"\n")
    script("bin/compute-sanitizer", SANITIZER)


def environment(**more):
    return {**os.environ, "LD_LIBRARY_PATH": STANDIN, "GPU_CHECK_NET": "tiny.cfg",
            "GPU_CHECK_BATCH": "2", "PATH": os.path.abspath("bin") + ":" + os.environ["PATH"],
            **more}


def results():
    return json.loads(read("there/gpu_check.json"))


def check(status, **more):
    done = run("sh", "there/gpu_check.sh", env=environment(**more), timeout=300)
    expect_end(done, status)
    return done.stdout, results()


def runs_all_steps():
    text, got = check(0)
    expect(got["layers against the processor"] == "agree", got)
    for what in ("step of 2", "predict 1", "predict 2"):
        for precision in ("bfloat16", "tf32", "float32"):
            expect(got[f"{what}, {precision}"].endswith(" ms"), got)
    for name in ("memcheck bfloat16", "racecheck bfloat16", "memcheck float32", "synccheck tf32"):
        expect(got[f"compute-sanitizer {name}"] == "no fault", got)
    for precision in ("float32", "bfloat16"):
        expect(got[f"20 updates, {precision}"].startswith("two runs give the same bits, "), got)
    expect("PyTorch" in " ".join(got), got)
    expect(got["goal: layers from the processor"] == "2e-05 (goal 1e-5, must 1e-4): must reached",
           got)
    expect(got["goal: 20 updates, same bits, from the processor"].endswith(": reached"), got)
    expect(" ms (goal .15, must .3): " in got["goal: one face"], got)
    for how in ("eager", "compiled"):
        expect(f"goal: step, times PyTorch {how} bfloat16" in got, got)
    for name, value in got.items():
        expect(f"{name:44} {value}" in text, f"{name} is not in the table: {text}")


def compares_with_torch():
    """The check runs PyTorch with the batch size of our step. It prints no ratio when the two steps
    have different batch sizes or networks."""
    script("bin/python3", "#!/bin/sh\n[ \"$1\" = -c ] || "
           "printf 'PyTorch step of %s, bfloat16\\t4000000 ms\\n' \"${OTHER:-$2}\" > \"$3\"\n")
    goal = "goal: step, times PyTorch eager bfloat16"
    os.replace("there/mobilefacenet.cfg", "kept.cfg")
    write("there/mobilefacenet.cfg", NET)
    got = check(0, GPU_CHECK_NET="mobilefacenet.cfg")[1]
    expect(got[goal].endswith(" (goal 2, must 1): reached"), got)
    expect(got["goal: step, times PyTorch compiled bfloat16"] == "not measured", got)
    expect(check(0, GPU_CHECK_NET="mobilefacenet.cfg", OTHER="256")[1][goal] == "not measured",
           "a ratio of two batches")
    expect(check(0)[1][goal] == "not measured", "a ratio of two networks")
    os.replace("kept.cfg", "there/mobilefacenet.cfg")
    os.remove("bin/python3")


def tells_of_faults():
    got = check(1, CHECK="exit 1", FAULTY="racecheck")[1]
    expect(got["layers against the processor"] == "DISAGREE", got)
    expect(got["compute-sanitizer racecheck bfloat16"] == "FAULT", got)
    expect(got["compute-sanitizer memcheck bfloat16"] == "no fault", got)
    expect(got["step of 2, tf32"].endswith(" ms"), got)


def tells_why_there_is_no_time():
    got = check(1, STANDIN_DEVICES="0")[1]
    for name in ("step of 2, bfloat16", "compute-sanitizer memcheck bfloat16"):
        expect("no CUDA-capable device" in got[name], got)


def ends_in_time():
    text, got = check(1, GPU_CHECK_SECONDS="0")
    expect(got["layers against the processor"] == "not finished", got)
    expect(got["predict 1, tf32"] == "not finished", got)
    expect("left out for lack of time: ./measure" in text, text)


def keeps_results_when_it_is_stopped():
    with subprocess.Popen(("sh", "there/gpu_check.sh"), env=environment(CHECK="sleep 30"),
                          stdout=subprocess.DEVNULL) as p:
        for _ in range(100):
            if os.path.exists("there/results.tmp") and read("there/results.tmp"):
                break
            time.sleep(.1)
        p.send_signal(signal.SIGTERM)
        expect(p.wait(20) == 1, "the exit status")
    expect(list(results()) == ["GPU", "stopped"], results())


attempt_all(start, runs_all_steps, compares_with_torch, tells_of_faults,
            tells_why_there_is_no_time, ends_in_time,
            keeps_results_when_it_is_stopped)
summary()
