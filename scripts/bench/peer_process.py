"""Starts other programs as processes that answer line by line (peer_onnx.js, peer_host.py)."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from lib.errors import Failure

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
MODULES = os.path.join(ROOT, "build", "bench", "node_modules")


def onnx_missing():
    """Returns a text that says what is missing to run ONNX Runtime, or None."""
    if not shutil.which("node"):
        return "node is not installed"
    if not os.path.exists(os.path.join(MODULES, "onnxruntime-node")):
        return "onnxruntime-node is not installed"
    return None


class Peer:
    """A process that runs a network. Use: with onnx(...) as peer: peer.output(path)"""

    def __init__(self, *command):
        self.name = os.path.basename(command[1])
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.said, text=True)
        self.version = self.answer().split(" ", 1)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()  # closes the standard input, which ends the process
        self.said.close()

    def answer(self):
        line = self.process.stdout.readline().strip()
        if not line:
            self.process.communicate()
            self.said.seek(0)
            raise Failure(f"{self.name} ended: {self.said.read().strip()[-200:]}")
        if line.startswith("error "):
            raise Failure(f"{self.name}: {line[6:]}")
        return line

    def ask(self, *request):
        self.process.stdin.write(" ".join(map(str, request)) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def input(self, path):
        self.ask("input", path)

    def output(self, path):
        self.ask("output", path)

    def times(self, seconds, least):
        """Runs for `seconds`, at least `least` times. Returns the milliseconds of each run."""
        return list(map(float, self.ask("time", seconds, least).split()))

    def median(self, seconds, least):
        return statistics.median(self.times(seconds, least))


def onnx(model, fin, shape, threads, output=""):
    """Starts ONNX Runtime. shape: (B, C, H, W) of fin. output: the name of an output of the model;
    "" means the first output."""
    return Peer("node", os.path.join(FOLDER, "peer_onnx.js"), MODULES, model, fin, *shape, threads,
                output)


def host(cfg, weights, fin, batch):
    """Starts libdarknet. fin: a file of B x C x H x W floats."""
    return Peer(sys.executable, os.path.join(FOLDER, "peer_host.py"), cfg, weights, fin, batch)
