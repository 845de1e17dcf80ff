#!/usr/bin/env python3
"""run.py TEST... - runs tests (tests/cli/test_kd.py, ...) with prove, $JOBS at a time (default 2).
The last line is 'N passed, N failed, N skipped', the sums over all checks. With REQUIRE=1 a skip is
a failure, unless its reason begins with "not on this processor"."""
import collections
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(os.environ.get("OBJ", "build"), "logs")
SUMMARY = re.compile(r"^# \d+ checks: (\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
SKIP = re.compile(r"^ok \d+ - (.*) # SKIP (.*)$", re.M)
NEVER_HERE = "not on this processor"


def log_of(test):
    return os.path.join(LOGS, test.replace("/", "-"))


def cpu_seconds(log):
    """Returns the sum of the user and system times that the shell's `times` printed."""
    with open(log + ".cpu", encoding="utf-8") as f:
        return sum(60 * int(m) + float(s) for m, s in re.findall(r"(\d+)m([\d.]+)s", f.read()))


def read_log(test):
    """Returns the output of a test and its counts [passed, failed, skipped]. A test without a
    summary counts as one failure."""
    try:
        with open(log_of(test), encoding="utf-8", errors="replace") as f:
            text = f.read()
    except FileNotFoundError:
        return "# it was not run\n", [0, 1, 0]
    sums = SUMMARY.findall(text)
    return text, [int(n) for n in sums[-1]] if sums else [0, 1, 0]


def main(tests):
    os.chdir(ROOT)
    if not tests or not shutil.which("prove"):
        sys.exit("prove is missing: make deps installs perl" if tests else "no such test")
    os.environ.update(LOGS=LOGS, PYTHONPATH=os.path.join(ROOT, "tests", "lib"))
    shutil.rmtree(LOGS, ignore_errors=True)
    os.makedirs(LOGS)
    done = subprocess.run(
        ["prove", "-j" + os.environ.get("JOBS", "2"), "--timer", "--state=save",
         "--statefile=" + LOGS + ".state", "--exec", "sh tests/lib/one.sh", *tests], check=False)
    total, seconds, skips = [0, 0, 0], {}, collections.Counter()
    for test in tests:
        text, counts = read_log(test)
        if counts[1]:
            print(f"\n{test}:\n" + "".join(
                line + "\n" for line in text.splitlines() if not line.startswith("ok ")), end="")
        skips.update((test, what, why) for what, why in SKIP.findall(text))
        total = [a + b for a, b in zip(total, counts)]
        if os.path.exists(log_of(test) + ".cpu"):
            seconds[test] = cpu_seconds(log_of(test))
    for (test, what, why), n in sorted(skips.items()):
        print(f"skipped {test}: {what}: {why}" + (f" ({n} times)" if n > 1 else ""))
    slowest = sorted(seconds, key=seconds.get, reverse=True)[:8]
    print(f"CPU seconds: {sum(seconds.values()):.0f} in all; most took",
          ", ".join(f"{os.path.basename(t)} {seconds[t]:.1f}" for t in slowest))
    if os.environ.get("REQUIRE", "") not in ("", "0"):
        missing = sum(n for (_, _, why), n in skips.items() if not why.startswith(NEVER_HERE))
        print(f"REQUIRE=1: {missing} skipped checks count as failed")
        total = [total[0], total[1] + missing, total[2] - missing]
    if done.returncode and not total[1]:
        print(f"prove ended with {done.returncode}")
        total[1] = 1
    print("{} passed, {} failed, {} skipped".format(*total))
    sys.exit(total[1] > 0)


main(sys.argv[1:])
