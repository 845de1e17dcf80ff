#!/usr/bin/python3
"""Times a packed 3x3 binary convolution beside the same convolution in float32.

Usage: bench_bits.py [-darknet FILE] [-rounds N] [-threads N]

Our side has two networks: one [binary] layer (mode=xnor, batch norm, ReLU; the time includes the
signs and XNOR-Net's K and alpha) and one [convolutional] layer. The other side is oneDNN 2
(Debian's libdnnl2), direct and Winograd, when it is installed. All programs take turns. The
fastest round counts, because other programs can only make a round slower. The binary layer uses
AMX when the processor has it, unless DNX_ISA names other kernels.
"""
import ctypes
import os
import sys
import tempfile
import time

from lib.arguments import command_line, whole
from lib.errors import run_main
from lib.files import write
from lib.processes import timed

SHAPES = [(14, 256), (28, 128), (7, 512)]  # (height = width, input = output channels)
NET = "[net]\nbatch=1\nheight={0}\nwidth={0}\nchannels={1}\n"
BINARY = NET + ("[binary]\nfilters={1}\nsize=3\npad=1\nmode=xnor\nbatch_normalize=1\n"
                "activation=relu\n")
FLOAT = NET + "[convolutional]\nfilters={1}\nsize=3\npad=1\nactivation=relu\n"


class OneDnn:
    """The functions of oneDNN's C interface (version 2) that a convolution needs."""
    F32, ANY, INFERENCE, DIRECT, WINOGRAD = 3, 1, 96, 1, 2
    SRC, WEIGHTS, DST, INFO = 129, 131, 133, 8
    ARGUMENTS = [(1, SRC), (33, WEIGHTS), (17, DST)]

    class Arg(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_int), ("memory", ctypes.c_void_p)]

    def __init__(self):
        self.lib = ctypes.CDLL("libdnnl.so.2")
        self.lib.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
        self.lib.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        self.engine, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        self.must(self.lib.dnnl_engine_create(ctypes.byref(self.engine), 1, ctypes.c_size_t(0)))
        self.must(self.lib.dnnl_stream_create(ctypes.byref(self.stream), self.engine, 1))

    @staticmethod
    def must(status):
        if status:
            raise OSError("oneDNN: status %d" % status)

    def tensor(self, *dims):
        md = ctypes.create_string_buffer(4096)
        sizes = (ctypes.c_int64 * len(dims))(*dims)
        self.must(self.lib.dnnl_memory_desc_init_by_tag(md, len(dims), sizes, self.F32, self.ANY))
        return md

    def convolution(self, side, channels, algorithm):
        """Returns (function, name of the implementation), or None when oneDNN lacks the algorithm.
        The function runs the convolution once and returns the seconds."""
        x = self.tensor(1, channels, side, side)
        w = self.tensor(channels, channels, 3, 3)
        y = self.tensor(1, channels, side, side)
        ones = (ctypes.c_int64 * 2)(1, 1)
        desc = ctypes.create_string_buffer(1 << 14)
        pd, primitive = ctypes.c_void_p(), ctypes.c_void_p()
        self.must(self.lib.dnnl_convolution_forward_desc_init(
            desc, self.INFERENCE, algorithm, x, w, None, y, ones, ones, ones))
        if self.lib.dnnl_primitive_desc_create(ctypes.byref(pd), desc, None, self.engine, None):
            return None
        self.must(self.lib.dnnl_primitive_create(ctypes.byref(primitive), pd))
        name = ctypes.c_char_p()
        self.lib.dnnl_primitive_desc_query(pd, self.INFO, 0, ctypes.byref(name))
        args = (self.Arg * 3)()
        for a, (number, which) in zip(args, self.ARGUMENTS):
            md = self.lib.dnnl_primitive_desc_query_md(pd, which, 0)
            memory = ctypes.c_void_p()
            self.must(self.lib.dnnl_memory_create(
                ctypes.byref(memory), ctypes.c_void_p(md), self.engine, ctypes.c_void_p(-1)))
            a.arg, a.memory = number, memory.value
            data = ctypes.c_void_p()
            self.must(self.lib.dnnl_memory_get_data_handle(memory, ctypes.byref(data)))
            size = self.lib.dnnl_memory_desc_get_size(ctypes.c_void_p(md))
            ctypes.memset(data, 0x3f, size)  # all floats are .747, so none is denormal

        def run():
            start = time.perf_counter()
            self.must(self.lib.dnnl_primitive_execute(primitive, self.stream, 3, args))
            self.must(self.lib.dnnl_stream_wait(self.stream))
            return time.perf_counter() - start
        return run, name.value.decode()


def peers(side, channels):
    try:
        dnn = OneDnn()
    except OSError as why:
        print("oneDNN is not compared: %s" % why)
        return {}
    found = {}
    for name, algorithm in (("direct", OneDnn.DIRECT), ("Winograd", OneDnn.WINOGRAD)):
        made = dnn.convolution(side, channels, algorithm)
        if made:
            found["oneDNN %s (%s)" % (name, made[1])] = made[0]
        else:
            print("oneDNN has no %s convolution for this processor" % name)
    return found


def compare(args):
    if args.darknet:
        os.environ["DARKNET_BIN"] = args.darknet
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # sets the threads of oneDNN
    with tempfile.TemporaryDirectory() as folder:
        cfg = os.path.join(folder, "one.cfg")
        for side, channels in SHAPES:
            times = {"binary": [], "float32": []}
            others = peers(side, channels)
            for _ in range(args.rounds):
                for name, text in (("binary", BINARY), ("float32", FLOAT)):
                    write(cfg, text.format(side, channels))
                    out = timed(cfg, "-threads", args.threads, "-runs", 50)
                    times[name].append(out["fastest"])
                for name, run in others.items():
                    for _ in range(10):
                        run()
                    times.setdefault(name, []).append(min(run() for _ in range(50)) * 1e3)
            ours_ms = min(times["binary"])
            print("3x3, %d x %d x %d, %d thread(s), %s kernels, DNX_ISA %s"
                  % (side, side, channels, args.threads, out["kernels"],
                     os.environ.get("DNX_ISA", "unset")))
            for name, all_ms in times.items():
                print("  %-26s %8.4f ms  %5.1f times the binary one"
                      % (name, min(all_ms), min(all_ms) / ours_ms))


def main():
    parser = command_line(__doc__)
    parser.add_argument("-darknet", metavar="FILE", help="the command; default bin/darknet")
    parser.add_argument("-rounds", type=whole(1), default=5)
    parser.add_argument("-threads", type=whole(1, 64), default=1)
    return run_main(compare, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
