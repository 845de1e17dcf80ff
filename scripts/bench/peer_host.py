"""Runs a network in stock libdarknet, on one thread, as a process that answers line by line.

    peer_host.py -init CFG OUT          writes the random weights with which libdarknet starts
    peer_host.py CFG WEIGHTS INPUT B    INPUT: B x C x H x W float32, B at most the cfg's batch

It takes the commands "output" and "time" of peer_onnx.js, and "memory": the peak memory in MB,
without the memory of the interpreter. It does not use numpy, which needs as much memory as a small
network."""
import array
import ctypes
import os
import platform
import sys
import time

LIBRARY = os.path.join(os.environ.get("DARKNET", "/usr/lib/darknet"), "libdarknet.so")


def memory(key):
    """Returns a value of /proc/self/status in MB. VmRSS: memory now; VmHWM: the peak so far."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith(key))


def flush_denormals():
    """Makes denormals 0: sets bits 15 and 6 of MXCSR, the last word of glibc's fenv_t on x86-64."""
    if platform.machine() == "x86_64":
        libm, env = ctypes.CDLL("libm.so.6"), (ctypes.c_uint32 * 8)()
        libm.fegetenv(env)
        env[7] |= 0x8040
        libm.fesetenv(env)
        if 1e-308 * 1e-3 != 0:
            raise RuntimeError("denormals are not flushed")


def load(cfg, weights):
    """Returns (library, network). weights: a path, or None for random weights."""
    lib = ctypes.CDLL(LIBRARY)
    lib.load_network.restype = ctypes.c_void_p
    lib.load_network.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    lib.save_weights.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.network_predict.restype = ctypes.POINTER(ctypes.c_float)
    lib.network_predict.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.network_outputs.argtypes = [ctypes.c_void_p]
    lib.set_batch_network.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return lib, lib.load_network(cfg.encode(), weights and weights.encode(), 0)


def serve(cfg, weights, fin, batch, say):
    before = memory("VmRSS")
    lib, net = load(cfg, weights)
    with open(fin, "rb") as f:
        x = array.array("f", f.read())
    lib.set_batch_network(net, batch)
    address, outputs = x.buffer_info()[0], lib.network_outputs(net) * batch
    flush_denormals()
    say("ready libdarknet")
    for line in sys.stdin:
        what, *args = line.split()
        if what == "output":
            y = lib.network_predict(net, address)
            with open(args[0], "wb") as f:
                f.write(ctypes.string_at(y, 4 * outputs))
            say("done")
        elif what == "time":
            times, stop = [], time.perf_counter() + float(args[0])
            while len(times) < int(args[1]) or time.perf_counter() < stop:
                start = time.perf_counter()
                lib.network_predict(net, address)
                times.append(1e3 * (time.perf_counter() - start))
            say(" ".join(f"{t:.6f}" for t in times))
        elif what == "memory":
            say(f"{memory('VmHWM') - before:.1f}")
        else:
            say(f"error unknown request {what}")


def main():
    # libdarknet's messages on standard output go to standard error; answers go to a copy of stdout
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(text):
        print(text, file=answers, flush=True)

    if len(sys.argv) == 4 and sys.argv[1] == "-init":
        lib, net = load(sys.argv[2], None)
        lib.save_weights(net, sys.argv[3].encode())
        return
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        serve(*sys.argv[1:4], int(sys.argv[4]), say)
    except (OSError, RuntimeError) as e:
        say(f"error {e}")
        sys.exit(1)


if __name__ == "__main__":
    main()
