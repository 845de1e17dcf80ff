"""test_gpu.py - tests the command with a GPU. The stand-in of tests/lib/gpu replaces the driver."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from common import (ROOT, attempt_all, column, expect, expect_end, make, needed, read, run, summary,
                    write)
from gpu_command import GPU, OBJ, STANDIN, build
from small_run import CFG, NAMES, make_inputs

with needed():
    import numpy as np

PARTS = ("net.weights", "net.state")
# After a failure of one of these calls, a run may continue without graphs.
GRAPHS = ("cuGraphLaunch", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2")
HEAD = "[connected]\noutput=3\nactivation=linear\n[softmax]\n"
KD = CFG.replace("[softmax]\n", "[kd_feature]\nteacher=net.cfg\nweights=w\n")


def call(*words, timeout=120, **standin):
    env = dict(os.environ, LD_LIBRARY_PATH=STANDIN,
               **{f"STANDIN_{k}": str(v) for k, v in standin.items()})
    return run(GPU, *words, env=env, timeout=timeout)


def train(name, *words, cfg="net.cfg", **standin):
    return call("classifier", "train", "run.data", cfg, "-out", name, "-threads", "1", "-every",
                "5",
                *words, **standin)


def results(name):
    return [read(os.path.join(name, part)) for part in PARTS]


def same(a, b):
    expect(results(a)[0] == results(b)[0], f"the weights of {a} and {b} differ")
    expect(results(a)[1] == results(b)[1], f"the states of {a} and {b} differ")


def weights(name):
    return np.frombuffer(read(os.path.join(name, "net.weights"))[20:], np.float32)


def start():
    build()
    make_inputs()
    write("run.data", "classes=3\ntrain=faces\nbackup=run\n")
    write("kd.cfg", KD)
    for name in NAMES[:2]:
        for i in range(4):
            write(f"lfw/{name}/{name}_{i:04}.jpg", read(f"faces/{name}/{4 * i + 1:02}.jpg"))
    expect_end(train("whole", "-batches", "20"), 0, "GPU 0: stand-in 0, float32")
    expect_end(train("cpu", "-batches", "20", "-nogpu"))
    shutil.copy("whole/net.weights", "w")


def trains_as_the_processor_does():
    a, b = weights("whole"), weights("cpu")
    expect(np.abs(a - b).max() <= 1e-4 * np.abs(b).max(),
           f"weights differ by {np.abs(a - b).max()}")
    expect(np.abs(a - b).max() > 0, "the device has not computed")
    logs = [column(f"{n}/net.csv", "loss") for n in ("whole", "cpu")]
    expect(np.abs(np.subtract(*logs)).max() < 1e-4, "the losses differ")
    expect(logs[0][-1] < logs[0][0], "it has not learned")


def two_runs_give_the_same_bits():
    expect_end(train("again", "-batches", "20"))
    same("again", "whole")


def resume_gives_the_same_bits():
    expect_end(train("halves", "-batches", "11"))
    expect_end(train("halves", "-batches", "20", "-resume"))
    same("halves", "whole")


def the_precision_is_of_the_products():
    expect_end(train("bf16", "-batches", "10", "-precision", "bfloat16"), 0, "stand-in 0, bfloat16")
    losses, exact = column("bf16/net.csv", "loss"), column("whole/net.csv", "loss")[:10]
    expect(0 < np.abs(np.subtract(losses, exact)).max() < .05, f"losses {losses}")


def distils_from_a_teacher():
    expect_end(train("kd", "-batches", "6", cfg="kd.cfg"))
    expect_end(train("kd-cpu", "-batches", "6", "-nogpu", cfg="kd.cfg"))
    logs = [column(f"{n}/kd.csv", "loss") for n in ("kd", "kd-cpu")]
    expect(np.abs(np.subtract(*logs)).max() < 1e-4, f"the losses differ: {logs}")


def embeds():
    for name, more in (("there", ()), ("here", ("-nogpu",))):
        expect_end(call("embed", "net.cfg", "w", "lfw", name, "-threads", "1", *more))
    a, b = (np.frombuffer(read(n)[-8 * 3 * 4:], np.float32) for n in ("there", "here"))
    expect(0 < np.abs(a - b).max() < 1e-5 or (a == b).all(), "the features differ")
    done = call("embed", "net.cfg", "w", "lfw", "lost", "-threads", "1",
                FAIL="cuLaunchKernel:3+:719")
    expect_end(done, 1, "GPU 0: ", "unspecified launch failure")
    expect(not os.path.exists("lost"), "features of a device that failed were written")


def names_a_failed_device():
    """The message must name the failed device, not the NaN in its outputs. No time is printed."""
    write("names", "a\nb\nc\n")
    write("valid.data", "classes=3\nvalid=faces\n")
    face = f"faces/{NAMES[0]}/01.jpg"
    for words in (("bench", "net.cfg"), ("bench", "net.cfg", "-json"),
                  ("bench", "net.cfg", "-busy", "1", "-runs", "1"),
                  ("classifier", "predict", "run.data", "net.cfg", "w", face, "-names", "names"),
                  ("classifier", "valid", "valid.data", "net.cfg", "w"),
                  ("compare", "net.cfg", "w", face, face, "-aligned")):
        done = call(*words, FAIL="cuLaunchKernel:3+:719")
        expect_end(done, 1, "GPU 0: ", "unspecified launch failure")
        expect(not done.stdout, f"{words}: {done.stdout}")


def nogpu_is_the_plain_build():
    """-nogpu gives the bits of a build without GPU=1."""
    plain = os.path.join(OBJ, "bin", "darknet")
    expect_end(make("-s", os.path.relpath(plain, ROOT)))
    expect_end(run(plain, "classifier", "train", "run.data", "net.cfg", "-out", "plain", "-threads",
                   "1", "-every", "5", "-batches", "20", timeout=120))
    (a, state), (b, other) = results("plain"), results("cpu")
    expect(a == b, "the weights differ")
    # The two builds may differ in these parts of the state: the name of the build, and the
    # checksum of 8 bytes at the end.
    state, other = (re.sub(rb"build=\w+", b"", s[:-8]) for s in (state, other))
    expect(state == other, "the states differ")
    expect_end(run(plain, "embed", "net.cfg", "w", "lfw", "features", "-threads", "1"))
    expect(read("features") == read("here"), "the features differ")


def without_a_device():
    done = train("none", "-batches", "20", DEVICES=0)
    expect_end(done, 0, "no GPU: no CUDA-capable device is detected; the processor computes")
    same("none", "cpu")
    expect_end(train("x", "-gpu", "0", DEVICES=0), 1, "no GPU: no CUDA-capable device is detected")
    done = run(GPU, "-gpu", "0", "embed", "net.cfg", "w", "lfw", "x")
    if "cannot open shared object" in done.stderr:  # a machine without a driver
        expect_end(done, 1, "no driver for a GPU: libcuda.so.1")


def a_wrong_device():
    expect_end(train("x", "-gpu", "9"), 1, "GPU 9: there is only GPU 0")
    expect_end(train("x", "-gpu", "2", DEVICES=2), 1, "GPU 2: there are fewer")
    expect_end(train("x", "-gpu", "one"), 2, "-gpu one: must be the number of a GPU")
    expect_end(train("x", "-gpu"), 2, "-gpu : must be the number of a GPU")
    expect_end(train("x", "-gpu", "0", "-nogpu"), 2, "-gpu and -nogpu exclude each other")
    expect_end(train("x", "-precision", "half"), 2,
               "-precision half: must be one of float32, tf32, bfloat16")
    expect_end(train("x", "-gpu", "0", SM=75), 1, "GPU 0: stand-in 0 is of sm_75; the kernels need "
               "sm_80 or later")
    expect_end(train("x", "-gpu", "0", DRIVER=10020), 1,
               "the driver is for CUDA 10.2, which is too "
               "old for kernels in PTX 7.")
    expect(not os.path.exists("x"), "a refused run left a folder")


def small_memory():
    expect_end(train("x", MB=0), 1, "GPU 0: ", "MB are needed, ", "of 0.0 MB are free: a smaller "
               "batch or more subdivisions= need less")
    for at in range(1, 200):
        done = train("x", "-batches", "1", "-force", FAIL=f"cuMemAlloc_v2:{at}:2")
        expect("were not freed" not in done.stderr, f"allocation {at} leaks: {done.stderr}")
        if done.returncode == 0:
            break
        expect_end(done, 1, "MB are needed")
    expect(at > 10, "there were no allocations")


def too_many_pixels():
    write("big.cfg", "[net]\nheight=8192\nwidth=8192\nchannels=1\n[convolutional]\nfilters=1\n"
          "size=1\nstride=64\n[avgpool]\n[softmax]\n")
    expect_end(call("bench", "big.cfg", "-batch", "17", "-gpu", "0"), 1,
               "big.cfg:5: [convolutional] 17 x 67108864 pixels: a GPU takes at most 2^30 in a "
               "batch: a smaller batch or more subdivisions= have fewer")


def counts():
    """Returns stderr, and the number of calls of each function of the driver."""
    said = train("counted", "-batches", "20", "-force", SAY=1).stderr
    same("counted", "whole")
    return said, {k: int(v) for k, v in re.findall(r"stand-in: (\w+) (\d+)$", said, re.M)}


def two_processes_on_one_device():
    expect_end(train("shared", "-batches", "1", MB=8, BUSY=8), 1, "GPU 0: ", "MB are needed, ",
               "0.0 of 8.4 MB are free: a smaller batch or more subdivisions= need less")
    expect(not os.path.exists("shared"), "a refused run left a folder")
    expect_end(train("shared", "-gpu", "0", FAIL="cuDevicePrimaryCtxRetain:1:46"), 1,
               "GPU: start: all CUDA-capable devices are busy or unavailable")
    done = train("shared", "-batches", "1", FAIL="cuDevicePrimaryCtxRetain:1:46")
    expect_end(done, 0, "busy or unavailable; the processor computes")


def steps_are_graphs():
    said, calls = counts()
    alone, by_graphs, launches = map(int, re.search(
        r"(\d+) kernels started alone, (\d+) by (\d+) launches", said).groups())
    expect(by_graphs > 3 * alone, said)
    # Each of 40 sub-batches is a list of kernels. A list becomes a graph in its second run.
    expect(30 <= launches <= 40, said)
    expect(calls["cuGraphInstantiateWithFlags"] <= 8, said)


def a_step_is_one_graph():
    """With all layers on the GPU a step is one list of kernels, which becomes one CUDA graph. A
    layer on the processor divides the step into two lists."""
    for name, more, end, lists in (("one", "", "", 1), ("clipped", "clip_norm=1\n", "", 1),
                                   ("split", "", "[contrastive]\nfrom=2\n"
                                    "margin=.5\n", 2)):
        write("step.cfg", CFG.replace("[net]\n", "[net]\n" + more) + end)
        done = call("bench", "step.cfg", "-train", "-batch", "2", "-runs", "1", "-gpu", "0")
        found = re.search(r"A training step starts (\d+) kernels on the GPU, in (\d+) lists?, of "
                          r"which (\d+) as a CUDA graph", done.stdout)
        expect(found, f"{name}: {done.stdout}{done.stderr}")
        expect(found and int(found[2]) == int(found[3]) == lists, f"{name}: {found and found[0]}")


def one_kernel_for_each_layer():
    """When a network predicts, a convolution's kernel also computes the batch norm, activation and
    shortcut that follow the convolution."""
    write("sum.cfg", "[net]\nheight=6\nwidth=6\nchannels=3\n[convolutional]\nfilters=4\n"
          "[depthwise]\npad=1\nbatch_normalize=1\n[convolutional]\nfilters=4\n"
          "batch_normalize=1\nactivation=linear\n[shortcut]\nfrom=0\n[avgpool]\n")
    done = call("bench", "sum.cfg", "-runs", "1", "-gpu", "0")
    expect_end(done)
    expect("A pass starts 4 kernels on the GPU, in 1 list, of which 1 as a CUDA graph"
           in done.stdout, done.stdout)


def a_driver_that_refuses_graphs():
    """Without graphs each kernel is started alone, with the same bits and one message."""
    points = (("cuStreamBeginCapture_v2", 1, 801), ("cuStreamEndCapture", 1, 901),
              ("cuGraphInstantiateWithFlags", 2, 2), ("cuGraphLaunch", 1, 999),
              ("cuGraphLaunch", 17, 999))
    for call_, at, result in points:
        done = train("refused", "-batches", "20", "-force", FAIL=f"{call_}:{at}:{result}", SAY=1)
        expect_end(done, 0, "GPU 0: no graphs: ", "each kernel is started alone")
        expect(done.stderr.count("no graphs") == 1, done.stderr)
        expect("not freed" not in done.stderr, done.stderr)
        same("refused", "whole")
    # A driver without cuGraphLaunch counts as older than CUDA 11.4.
    old = os.path.abspath("old")
    os.makedirs(old)
    library = read(os.path.join(STANDIN, "libcuda.so.1"))
    write(f"{old}/libcuda.so.1", library.replace(b"cuGraphLaunch\0", b"cuGraphLaunck\0"))
    env = dict(os.environ, LD_LIBRARY_PATH=old)
    done = run(GPU, "classifier", "train", "run.data", "net.cfg", "-out", "refused", "-threads",
               "1", "-every", "5", "-batches", "20", "-force", env=env, timeout=120)
    expect_end(done, 0, "GPU 0: no graphs: the driver is older than 11.4; each kernel is started")
    same("refused", "whole")


def failing_calls():
    """After a failure -resume gives the bits of a run without a failure. The number of copies to
    the device varies from run to run, so no failure is placed at the last copies."""
    calls = counts()[1]
    points = [(name, result, 1 + int(share * (calls[name] - 1)), goes_on)
              for name, result, goes_on, *shares in (
                  ("kernel", 719, "", 0, .5, 1), ("kernel", 719, "+", .21, .77),
                  ("cuLaunchKernel", 719, "+", 0, .5, 1), ("cuGraphLaunch", 719, "+", .5),
                  ("cuMemcpyDtoHAsync_v2", 999, "", 0, .5), ("cuMemcpyDtoHAsync_v2", 999, "+", 1),
                  ("cuMemcpyHtoDAsync_v2", 999, "", 0, .6), ("cuMemcpyHtoDAsync_v2", 999, "+", .9),
                  ("cuStreamSynchronize", 719, "", .4), ("cuStreamWaitEvent", 999, "", .8),
                  ("cuEventRecord", 999, "+", .5))
              for share in shares]
    for call_, result, at, goes_on in points:
        shutil.rmtree("broken", ignore_errors=True)
        what = f"{call_}:{at}{goes_on}:{result}"
        done = train("broken", "-batches", "20", FAIL=what)
        if call_ in GRAPHS and done.returncode == 0:
            same("broken", "whole")
            continue
        expect(done.returncode == 1 and "GPU 0: " in done.stderr,
               f"{what}: exit status {done.returncode}: {done.stderr}")
        has_begun = os.path.exists("broken/net.state")
        expect_end(train("broken", "-batches", "20", "-resume" if has_begun else "-force"))
        same("broken", "whole")


def a_signal_in_a_step():
    env = dict(os.environ, LD_LIBRARY_PATH=STANDIN)
    with subprocess.Popen((GPU, "classifier", "train", "run.data", "net.cfg", "-out", "stopped",
                           "-threads", "1", "-batches", "2000"), env=env,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as p:
        for _ in range(600):
            if os.path.exists("stopped/net.csv") and read("stopped/net.csv").count(b"\n") > 2:
                break
            time.sleep(.1)
        p.send_signal(signal.SIGINT)
        text = p.communicate(timeout=60)[1]
    at = re.search(r"stopped at batch (\d+)", text)
    expect(p.returncode == 1 and at, f"{p.returncode}: {text}")
    more = str(int(at.group(1)) + 5)
    expect_end(train("stopped", "-batches", more, "-resume"))
    expect_end(train("through", "-batches", more))
    same("stopped", "through")


def lists_devices():
    done = call("gpus", DEVICES=2, SM=90)
    expect(done.stdout.startswith("0  stand-in 0  sm_90  1 multiprocessors  4.3 GB  driver for "
                                  "CUDA 12.4\n1  stand-in 1"), done.stdout)
    there = set(re.search("runs on a GPU: (.*)", done.stdout).group(1).split())
    for path in glob.glob(os.path.join(ROOT, "cfg", "*.cfg")):
        types = set(re.findall(rb"^\[(\w+)\]", read(path), re.M)) - {b"net", b"kd_relation"}
        expect({t.decode() for t in types} <= there, f"{path}: {types} do not all run on a GPU")


def the_ptx():
    text = read(os.path.join(OBJ, "kernels.ptx")).decode()
    names = set(re.findall(r"\.visible \.entry (\w+)\(", text))
    listed = re.findall(r"X\((\w+), (?:true|false)\)",
                        read(os.path.join(ROOT, "layers_ext/cuda/kernels.h")).decode())
    expect(names == set(listed), f"entries {names ^ set(listed)}")
    expect(".local" not in text, "a kernel keeps numbers in local memory")
    expect(text.count("mma.sync") >= 24, "no tensor cores")
    expect("cp.async" in text, "no copies that run while a block computes")
    sizes = re.findall(r"^\s*\.shared .*\.b(\d+) (\S+)\[(\d+)\];", text, re.M)
    for kernel in text.split(".visible .entry ")[1:]:
        shared = sum(int(bits) // 8 * int(n) for bits, name, n in sizes if name in kernel)
        expect(shared <= 48 << 10, f"{kernel.split('(')[0]} has {shared} bytes of shared memory")
    if shutil.which("ptxas"):
        done = run("ptxas", "-v", "-arch=sm_80", "-o", os.devnull,
                   os.path.join(OBJ, "kernels.ptx"))
        expect_end(done)
        used = [int(n) for n in re.findall(r"Used (\d+) registers", done.stderr)]
        spills = re.findall(r"[1-9]\d* bytes spill stores", done.stderr)
        expect(len(used) == len(listed) and max(used) <= 255 and not spills,
               f"registers {used}, spills {spills}")


attempt_all(start, trains_as_the_processor_does, two_runs_give_the_same_bits,
            resume_gives_the_same_bits, the_precision_is_of_the_products, distils_from_a_teacher,
            embeds, names_a_failed_device, nogpu_is_the_plain_build, without_a_device,
            a_wrong_device, small_memory, too_many_pixels, two_processes_on_one_device,
            steps_are_graphs, a_step_is_one_graph, one_kernel_for_each_layer,
            a_driver_that_refuses_graphs, failing_calls, a_signal_in_a_step, lists_devices,
            the_ptx)
summary()
