"""Milliseconds per image of this build beside PyTorch and stock libdarknet, where installed.

Run by `make bench`. The outputs of both sides are compared before anything is timed. Ours and the
peer take turns in one run; a figure is the median of the turns, each a median of many runs."""
import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "bin", "darknet")
HOST_LIBRARY = os.path.join(os.environ.get("DARKNET", "/usr/lib/darknet"), "libdarknet.so")
HOST_CFG = "/usr/share/darknet/cfg/darknet19.cfg"
CASES = [("mobilefacenet", 1), ("mobilefacenet", 32),
         ("mobilefacenet-half", 1), ("mobilefacenet-half", 32)]
WARM_UP, TURNS = 10, 3


def darknet(*args):
    """Standard output of our command; its message becomes the exception's text."""
    done = subprocess.run([BIN, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().split("\n")[-1])
    return done.stdout


def ours_ms(cfg, weights, batch, threads, runs):
    out = darknet("bench", cfg, weights, "-batch", batch, "-threads", threads, "-runs", runs,
                  "-json")
    return float(json.loads(out)["ms_per_image"])


def median_ms(run, images, seconds=1.0, least=10):
    """Median of at least `least` runs that fill `seconds`, per image."""
    times, stop = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < stop:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / images


def compare(name, ours, peer, tolerance):
    """Stops the benchmark when the two sides do not compute the same."""
    import numpy as np

    worst = float(np.abs(ours - peer).max() / np.abs(peer).max())
    if not worst < tolerance:
        raise RuntimeError(f"{name}: the outputs differ by {worst:.2e} of the largest value")
    return worst


def raw(cfg, weights, x, threads, folder):
    """Our outputs for x (B x H x W x C)."""
    import numpy as np

    fin, fout = os.path.join(folder, "in.f32"), os.path.join(folder, "out.f32")
    x.tofile(fin)
    darknet("classifier", "raw", cfg, weights, fin, fout, "-batch", len(x), "-threads", threads)
    return np.fromfile(fout, np.float32).reshape(len(x), -1)


def row(name, batch, ours, peer, label, worst):
    print(f"{name:24} {batch:5} {label:24} {ours:9.3f} {peer:9.3f} {peer / ours:7.2f} "
          f"{worst:10.1e}", flush=True)


def against_torch(name, batch, threads, folder):
    import numpy as np
    import torch

    import peer_torch
    cfg = os.path.join(ROOT, "cfg", name + ".cfg")
    weights = os.path.join(folder, name + ".weights")
    darknet("init", cfg, weights)
    net, _ = peer_torch.plan(cfg)
    shape = (batch, net["height"], net["width"], net["channels"])
    x = np.random.default_rng(2).uniform(-1, 1, shape).astype(np.float32)
    image = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    peers = [("PyTorch", peer_torch.build(cfg, weights)),
             ("PyTorch, BN folded", peer_torch.build(cfg, weights, fold=True))]
    mine = raw(cfg, weights, x, threads, folder)
    ours, theirs, worst = [], {label: [] for label, _ in peers}, {}
    with torch.no_grad():
        for label, peer in peers:
            worst[label] = compare(name, mine, peer(image).numpy(), 1e-3)
            for _ in range(WARM_UP):
                peer(image)
        for _ in range(TURNS):
            ours.append(ours_ms(cfg, weights, batch, threads, 300 if batch == 1 else 30))
            for label, peer in peers:
                for _ in range(3):  # the caches hold our data now
                    peer(image)
                theirs[label].append(median_ms(lambda: peer(image), batch))
    for label, _ in peers:
        row(name, batch, statistics.median(ours), statistics.median(theirs[label]), label,
            worst[label])


def step_against_torch(name, batch, threads, folder):
    """A whole training step with a 10,000-class softmax. What is computed is compared by
    tests/test_torch.py, gradient by gradient."""
    import numpy as np
    import torch

    import peer_torch
    weights, cfg, body = (os.path.join(folder, f) for f in ("step.weights", "step.cfg", "body.cfg"))
    with open(os.path.join(ROOT, "cfg", name + ".cfg")) as f:
        text = f.read() + "\n[convolutional]\nfilters=10000\nactivation=linear\nfixed_width=1\n"
    for path, end in ((cfg, "\n[softmax]\n"), (body, "")):
        with open(path, "w") as f:
            f.write(text + end)
    darknet("init", cfg, weights)
    peer = peer_torch.build(body, weights).train()
    sgd = torch.optim.SGD(peer.parameters(), lr=1e-6, momentum=0.9, weight_decay=4e-5)
    net, _ = peer_torch.plan(body)
    shape = (batch, net["channels"], net["height"], net["width"])
    x = torch.from_numpy(np.random.default_rng(2).normal(0, 1, shape).astype(np.float32))
    truth = torch.zeros(batch, dtype=torch.long)

    def step():
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(peer(x), truth).backward()
        sgd.step()

    ours, theirs = [], []
    for _ in range(TURNS):
        out = darknet("bench", cfg, weights, "-train", "-batch", batch, "-threads", threads,
                      "-runs", 5, "-json")
        ours.append(float(json.loads(out)["ms_per_image"]))
        for _ in range(2):
            step()
        theirs.append(median_ms(step, batch, least=5))
    row(name + " step", batch, statistics.median(ours), statistics.median(theirs), "PyTorch",
        float("nan"))


def host_worker(cfg, weights, fin, fout):
    """In a process of its own: one image through libdarknet; prints the median milliseconds."""
    import numpy as np

    lib = ctypes.CDLL(HOST_LIBRARY)
    lib.load_network.restype = ctypes.c_void_p
    lib.load_network.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    lib.network_predict.restype = ctypes.POINTER(ctypes.c_float)
    lib.network_predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    net = ctypes.c_void_p(lib.load_network(cfg.encode(), weights.encode(), 0))
    lib.set_batch_network(net, 1)
    x = np.fromfile(fin, np.float32)
    outputs = lib.network_outputs(net)
    y = lib.network_predict(net, x.ctypes.data)
    np.array(y[:outputs], np.float32).tofile(fout)
    print(median_ms(lambda: lib.network_predict(net, x.ctypes.data), 1, least=3))


def against_host(threads, folder):
    """darknet19, one image. The host has one thread; its weights file is ours."""
    import numpy as np

    weights = os.path.join(folder, "darknet19.weights")
    darknet("init", HOST_CFG, weights)
    # A cfg of 256 x 256 x 3; the host wants planes
    x = np.random.default_rng(3).uniform(0, 1, (1, 256, 256, 3)).astype(np.float32)
    mine = raw(HOST_CFG, weights, x, threads, folder)
    fin, fout = os.path.join(folder, "planes.f32"), os.path.join(folder, "host.f32")
    np.ascontiguousarray(x.transpose(0, 3, 1, 2)).tofile(fin)
    ours, theirs = [], []
    for turn in range(TURNS):
        done = subprocess.run([sys.executable, __file__, "--host-worker", HOST_CFG, weights, fin,
                               fout], capture_output=True, text=True)
        if done.returncode or not done.stdout.strip():
            raise RuntimeError(f"libdarknet failed: {done.stderr.strip()[-200:]}")
        theirs.append(float(done.stdout.strip().split("\n")[-1]))
        if turn == 0:  # the host divides by sqrt(var) + 1e-6, hence the wider tolerance
            worst = compare("darknet19", mine[0], np.fromfile(fout, np.float32), 1e-2)
        ours.append(ours_ms(HOST_CFG, weights, 1, threads, 20))
    row("darknet19", 1, statistics.median(ours), statistics.median(theirs),
        "libdarknet, 1 thread", worst)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-threads", type=int, default=2, help="threads on both sides (2)")
    parser.add_argument("--host-worker", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.host_worker:
        return host_worker(*args.host_worker)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    try:
        import numpy  # noqa: F401
    except ImportError:
        sys.exit("python3-numpy is not installed: make bench-deps")
    try:
        import torch
        torch.set_num_threads(args.threads)
        torch.set_flush_denormal(True)
        peer = f"PyTorch {torch.__version__}"
    except ImportError:
        torch, peer = None, "PyTorch is not installed (make bench-deps)"
    print(f"{peer}; {args.threads} threads, medians of {TURNS} turns, {WARM_UP} warm-up runs")
    print("ONNX Runtime is not compared in this version")
    print(f"{'network':24} {'batch':>5} {'peer':24} {'our ms':>9} {'peer ms':>9} {'ratio':>7} "
          f"{'differ by':>10}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, batch in CASES if torch else []:
            try:
                against_torch(name, batch, args.threads, folder)
            except (OSError, RuntimeError, ValueError) as e:
                failed = True
                print(f"{name:20} {batch:5} {e}")
        for name in ("mobilefacenet", "mobilefacenet-half") if torch else []:
            try:
                step_against_torch(name, 64, args.threads, folder)
            except (OSError, RuntimeError, ValueError) as e:
                failed = True
                print(f"{name:20} step {e}")
        if not (os.path.exists(HOST_LIBRARY) and os.path.exists(HOST_CFG)):
            print("libdarknet or its darknet19.cfg is not installed")
        else:
            try:
                against_host(args.threads, folder)
            except (OSError, RuntimeError, ValueError) as e:
                print(f"{'darknet19':20} {1:5} not compared: {e}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
