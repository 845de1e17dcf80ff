"""Names the machine, the time and the commit of results, for reports."""
import os
import re
import shlex
import subprocess
import sys
import time

from lib import fingerprints
from lib.errors import Failure
from lib.processes import darknet


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    except OSError:
        names = []
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else 'unknown processor'}"


def commit():
    """Returns the commit of the checkout that contains the darknet command, or "unknown". A "+" at
    the end means that files differ from the commit."""
    git = ["git", "--no-optional-locks", "-C", os.path.dirname(os.path.realpath(darknet()))]
    try:
        name = subprocess.run([*git, "rev-parse", "--short=9", "HEAD"], capture_output=True,
                              text=True, check=True).stdout.strip()
        same = subprocess.run([*git, "diff", "--quiet", "HEAD"], check=False).returncode == 0
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("" if same else "+")


def has_slow_blas():
    """Returns True when NumPy uses the reference BLAS. Call it after NumPy is imported, because it
    looks for the library among the files that this process has loaded."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as f:
            return re.search(r"/blas/libblas\.so", f.read()) is not None
    except OSError:
        return False


def command():
    return shlex.join([os.path.basename(sys.argv[0]), *sys.argv[1:]])


def made_here():
    """Returns {"date", "machine", "build", "commit", "command"}. "build" and "commit" are None
    without a darknet command."""
    try:
        build, name = fingerprints.of_build(), commit()
    except Failure:
        build = name = None
    return {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "machine": processor(), "build": build,
            "commit": name, "command": command()}
