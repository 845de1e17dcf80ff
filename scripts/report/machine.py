"""Where and when results were made, for reports."""
import os
import time

from lib import fingerprints


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as f:
            names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    except OSError:
        names = []
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else 'unknown processor'}"


def made_here():
    """{"date", "machine", "build"} of this moment."""
    return {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "machine": processor(),
            "build": fingerprints.of_build()}
