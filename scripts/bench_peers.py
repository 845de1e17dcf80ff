#!/usr/bin/python3
"""Compares milliseconds per image of this build, PyTorch, ONNX Runtime and stock libdarknet.

`make bench` calls it. `make bench-deps` installs the other programs; an absent one is left out. All
programs run the same network with the same weights, batch and number of threads (libdarknet has one
thread), and flush denormals. Their predictions are compared first. Then the programs take
turns. The table has the median of the turns; a turn is the median of many runs. "not steady" means:
the turns of a program differ by more than a tenth of their median.

At the end this build is timed again beside busy processes (-busy), with one thread and -threads.

A case is one of:
    NAME:BATCH                   a NAME of cfg/
    NAME:step                    a training step, batch 64, softmax of 10,000 classes; PyTorch only
    darknet19:1, resnet18:1      libdarknet's cfg files with random weights; libdarknet only
For libdarknet [depthwise] becomes a convolution in groups, and PReLU a leaky ReLU: all slopes are
0.1."""
import argparse
import contextlib
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time

from lib.errors import Failure, needs, run_main

needs("numpy")
import numpy as np

from bench import peer_host, peer_process
from lib import processes
from lib.arguments import command_line, each, real, whole, words
from lib.processes import ROOT, checked, timed

STOCK, STOCK_CFG = ("darknet19", "resnet18"), "/usr/share/darknet/cfg/{}.cfg"
PEERS = ("pytorch", "onnx", "host")
CASES = ("mobilefacenet:1,mobilefacenet:32,mobilefacenet-half:1,mobilefacenet-half:32,"
         "mobilefacenet:step,mobilefacenet-half:step,darknet19:1,resnet18:1")
BUSY_CASES = (("mobilefacenet", 1), ("mobilefacenet", 32), ("mobilefacenet-half", 1))
STEP_BATCH, WARM_UP = 64, 10
STEADY = 0.1  # turns of a steady program differ by at most this share of their median
TOLERANCE = 1e-3  # outputs may differ by this share of the largest output
HOST_LABEL = "libdarknet, 1 thread"


def darknet(*args):
    return processes.run([processes.darknet(), *map(str, args)], capture=True)


def ours_ms(args, cfg, weights, batch, runs, *more):
    """Returns our milliseconds per image. runs: the number of runs in a turn of one second."""
    runs = max(5, round(runs * args.seconds))
    return timed(cfg, weights, *more, "-batch", batch, "-threads", args.threads, "-runs",
                 runs)["ms_per_image"]


def median_ms(run, images, seconds, least):
    """Calls run() for `seconds`, at least `least` times. Returns the median milliseconds per image.
    images: the number of images of a call."""
    times, stop = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < stop:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / images


def turns(args, sides):
    """Times programs in turns. sides: {label of a program: function that returns a turn's
    milliseconds per image}. Returns {label: median}. args.shaky gets the labels that are not
    steady."""
    times = {label: [] for label in sides}
    labels = list(sides)
    for turn in range(args.turns):
        first = turn % len(labels)
        for label in labels[first:] + labels[:first]:
            time.sleep(0.05)  # until the previous program's threads stop spinning
            times[label].append(sides[label]())
    medians = {label: statistics.median(t) for label, t in times.items()}
    args.shaky = [label for label, t in times.items()
                  if max(t) - min(t) > STEADY * medians[label]]
    return medians


def compare(label, ours, peer):
    """Returns max |ours - peer| / max |peer|. Raises a Failure when this ratio reaches TOLERANCE.
    """
    if ours.shape != peer.shape:
        raise Failure(f"{label}: {peer.size} outputs, ours are {ours.size}")
    worst = float(np.abs(ours - peer).max() / np.abs(peer).max())
    if not worst < TOLERANCE:
        raise Failure(f"{label}: the outputs differ by {worst:.2e} of the largest value")
    return worst


def inputs(folder, batch, height, width, channels, seed):
    """Makes random images. Returns (an array, B x C x H x W; a file for `darknet`, B x H x W x C; a
    file for the other programs, B x C x H x W)."""
    shape = (batch, height, width, channels)
    x = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    ours, peer = os.path.join(folder, "in.f32"), os.path.join(folder, "planes.f32")
    planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    x.tofile(ours)
    planes.tofile(peer)
    return planes, ours, peer


def raw(args, cfg, weights, fin, batch, folder):
    """Returns the outputs of `darknet` as an array: batch x outputs of an image."""
    fout = os.path.join(folder, "out.f32")
    darknet("classifier", "raw", cfg, weights, fin, fout, "-batch", batch, "-threads",
            args.threads, "-force")
    return np.fromfile(fout, np.float32).reshape(batch, -1)


def process_output(peer, batch, folder):
    fout = os.path.join(folder, "peer.f32")
    peer.output(fout)
    return np.fromfile(fout, np.float32).reshape(batch, -1)


def rows(args, name, batch, times, worst):
    ours = times.pop("ours")
    for label, ms in times.items():
        differ = f"{worst[label]:10.1e}" if label in worst else f"{'-':>10}"
        shaky = [side for side in ("ours", label) if side in args.shaky]
        print(f"{name:24} {batch:>5} {label:24} {ours:9.3f} {ms:9.3f} {ms / ours:7.2f} {differ}",
              *[" not steady: " + ", ".join(shaky)] * bool(shaky), flush=True)


def beside_busy(args):
    print(f"\n{'network':24} {'batch':>5} {'busy':>5} {'1 thread ms':>12} "
          f"{str(args.threads) + ' threads':>12} {'ratio':>7}")
    for name, batch in BUSY_CASES:
        cfg = os.path.join(ROOT, "cfg", name + ".cfg")
        for busy in args.busy:
            out = timed(cfg, "-batch", batch, "-threads", args.threads, "-busy", busy, "-runs", 1)
            for when, count in (("quiet", 0), ("busy", busy)):
                if count or busy == args.busy[0]:
                    one, many = out["one"], out["all"]
                    shaky = max(one[when + "_spread"], many[when + "_spread"]) > STEADY
                    print(f"{name:24} {batch:>5} {count:>5} {one[when]:12.3f} {many[when]:12.3f} "
                          f"{many[when] / one[when]:7.2f}" + "  not steady" * shaky, flush=True)


def forward(args, name, batch, folder, stack):
    import export_onnx
    from bench import host_networks, peer_torch
    cfg, weights = os.path.join(ROOT, "cfg", name + ".cfg"), os.path.join(folder, "w.weights")
    darknet("init", cfg, weights, "-force")
    if set(args.peers) - {"onnx"}:
        host_networks.set_slopes(cfg, weights)
    x, fin, planes = inputs(folder, batch, *checked(cfg)["in"], 2)
    mine = raw(args, cfg, weights, fin, batch, folder)
    sides, worst = {}, {}
    runs = 300 if batch == 1 else max(5, 1000 // batch)
    sides["ours"] = lambda: ours_ms(args, cfg, weights, batch, runs)
    if "pytorch" in args.peers:
        import torch
        image = torch.from_numpy(x)
        for label, fold in (("PyTorch", False), ("PyTorch, BN folded", True)):
            module = peer_torch.build(cfg, weights, fold)
            worst[label] = compare(label, mine, module(image).numpy())
            for _ in range(WARM_UP):
                module(image)

            def turn(module=module):
                for _ in range(3):  # fill the caches: another program ran before this turn
                    module(image)
                return median_ms(lambda: module(image), batch, args.seconds, 5)
            sides[label] = turn

    def add(label, peer, warm_up, least):
        worst[label] = compare(label, mine, process_output(peer, batch, folder))
        peer.times(0, warm_up)

        def turn():
            peer.times(0, min(3, least))
            return peer.median(args.seconds, least) / batch
        sides[label] = turn

    if "onnx" in args.peers:
        model = os.path.join(folder, "net.onnx")
        export_onnx.export(cfg, weights, model, batch)
        peer = stack.enter_context(peer_process.onnx(model, planes, x.shape, args.threads))
        add(f"ONNX Runtime {peer.version}", peer, WARM_UP, 5)
    if "host" in args.peers:
        twin = host_networks.twin(cfg, weights, batch, folder)
        add(HOST_LABEL, stack.enter_context(peer_process.host(*twin, planes, batch)), 1, 1)
    rows(args, name, batch, turns(args, sides), worst)


def step(args, name, folder):
    """Times a training step with a softmax of 10,000 classes."""
    import torch
    from bench import peer_torch
    weights, cfg, body = (os.path.join(folder, f) for f in ("step.weights", "step.cfg", "body.cfg"))
    with open(os.path.join(ROOT, "cfg", name + ".cfg")) as f:
        text = f.read() + "\n[convolutional]\nfilters=10000\nactivation=linear\nfixed_width=1\n"
    for path, end in ((cfg, "\n[softmax]\n"), (body, "")):
        with open(path, "w") as f:
            f.write(text + end)
    darknet("init", cfg, weights, "-force")
    peer = peer_torch.build(body, weights).train()
    sgd = torch.optim.SGD(peer.parameters(), lr=1e-6, momentum=0.9, weight_decay=4e-5)
    height, width, channels = checked(body)["in"]
    shape = STEP_BATCH, channels, height, width
    x = torch.from_numpy(np.random.default_rng(2).normal(0, 1, shape).astype(np.float32))
    truth = torch.zeros(STEP_BATCH, dtype=torch.long)

    def one():
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(peer(x), truth).backward()
        sgd.step()

    def turn():
        for _ in range(2):
            one()
        return median_ms(one, STEP_BATCH, args.seconds, 5)

    with torch.enable_grad():
        times = turns(args, {
            "ours": lambda: ours_ms(args, cfg, weights, STEP_BATCH, 5, "-train"), "PyTorch": turn})
    rows(args, name + " step", STEP_BATCH, times, {})


def our_memory(args, cfg, weights):
    """Returns the peak memory of our process in MB while it predicts one image."""
    command = [processes.darknet(), "bench", cfg, weights, "-threads", str(args.threads), "-runs",
               "10"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with open(f"/proc/{process.pid}/status") as f:
            lines = [line for line in f if line.startswith("VmHWM")]
        peak = int(lines[0].split()[1]) / 1024 if lines else peak
        time.sleep(0.01)
    return peak


def stock(args, name, folder, stack):
    """Runs one of libdarknet's own cfg files on one image, in libdarknet and in `darknet`. Compares
    outputs, times and peak memory."""
    from bench import host_networks
    cfg, weights = STOCK_CFG.format(name), os.path.join(folder, name + ".weights")
    host_networks.random_weights(cfg, weights)
    _, fin, planes = inputs(folder, 1, *checked(cfg)["in"], 3)
    mine = raw(args, cfg, weights, fin, 1, folder)
    peer = stack.enter_context(peer_process.host(cfg, weights, planes, 1))
    worst = {HOST_LABEL: compare(HOST_LABEL, mine, process_output(peer, 1, folder))}
    times = turns(args, {"ours": lambda: ours_ms(args, cfg, weights, 1, 20),
                         HOST_LABEL: lambda: peer.median(args.seconds, 2)})
    rows(args, name, 1, times, worst)
    print(f"{'':30} {'peak memory, MB':24} {our_memory(args, cfg, weights):9.1f} "
          f"{float(peer.ask('memory')):9.1f}", flush=True)


def available(args):
    missing = {}
    if importlib.util.find_spec("torch") is None:
        missing["pytorch"] = "PyTorch is not installed: make bench-deps"
    if peer_process.onnx_missing():
        missing["onnx"] = f"{peer_process.onnx_missing()}: make bench-deps"
    if not os.path.exists(peer_host.LIBRARY):
        missing["host"] = f"libdarknet is not installed: {peer_host.LIBRARY}"
    for peer in args.peers:
        if peer in missing:
            print(missing[peer])
    args.peers = [p for p in args.peers if p not in missing]
    if "pytorch" in args.peers:
        import torch
        torch.set_flush_denormal(True)  # before PyTorch's threads start: they inherit the flag
        torch.set_num_threads(args.threads)
        torch.set_grad_enabled(False)
        print(f"PyTorch {torch.__version__}")


def run_case(args, case, folder):
    """Runs a case. Returns False when no program of args.peers can run it."""
    name, _, batch = case.partition(":")
    with contextlib.ExitStack() as stack:
        if name in STOCK and "host" in args.peers:
            stock(args, name, folder, stack)
        elif name not in STOCK and batch == "step" and "pytorch" in args.peers:
            step(args, name, folder)
        elif name not in STOCK and batch != "step" and args.peers:
            forward(args, name, int(batch), folder, stack)
        else:
            return False
    return True


def known_case(case):
    name, _, batch = case.partition(":")
    is_cfg = os.path.exists(os.path.join(ROOT, "cfg", name + ".cfg"))
    if not (batch == "1" if name in STOCK else
            is_cfg and (batch == "step" or batch.isdigit() and int(batch) > 0)):
        raise argparse.ArgumentTypeError(f"{case} is not known")
    return case


def work(args):
    """Prints the tables. Returns the exit status: 1 when a case failed."""
    args.busy = [n for n in args.busy if n]
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    available(args)
    print(f"{args.threads} threads, medians of {args.turns} turns, {WARM_UP} warm-up runs of a "
          "peer, 1 of libdarknet")
    print(f"{'network':24} {'batch':>5} {'peer':24} {'our ms':>9} {'peer ms':>9} {'ratio':>7} "
          f"{'differ by':>10}")
    failed = False
    for case in args.cases:
        try:
            with tempfile.TemporaryDirectory() as folder:
                if not run_case(args, case, folder):
                    print(f"{case}: none of its peers is there")
        except (OSError, RuntimeError, ValueError) as e:
            failed = True
            print(f"{case}: not compared: {e}", flush=True)
    if args.busy:
        beside_busy(args)
    return failed


def main():
    parser = command_line(__doc__)
    parser.add_argument("-threads", type=whole(1), default=2, help="threads on all sides (2)")
    parser.add_argument("-turns", type=whole(1), default=3, help="turns of each side (3)")
    parser.add_argument("-seconds", type=real(least=0), default=1,
                        help="length of a peer's turn (1)")
    parser.add_argument("-peers", type=words(PEERS), default=",".join(PEERS),
                        help="the peers to time; default %(default)s")
    parser.add_argument("-cases", type=each(known_case), default=CASES,
                        help="the cases to time; default %(default)s")
    parser.add_argument("-busy", type=each(whole(0)), default="1,2,4",
                        help="numbers of busy processes, 0: none (1,2,4)")
    return run_main(work, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
