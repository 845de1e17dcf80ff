"""Tests darknet check: training takes the memory that check prints, within 10 %."""
import os
import re
import resource

import small_run
from common import (ROOT, attempt_all, darknet, expect, expect_end, peak_memory, read,
                    skip_sanitizer, summary, write)


def edited(name, path, batch):
    text = read(os.path.join(ROOT, "cfg", name)).decode()
    write(path, re.sub(r"(?m)^batch=.*$", f"batch={batch}", text))


def make_inputs():
    write("tiny.cfg", "[net]\nbatch=1\nheight=4\nwidth=4\nchannels=1\n[connected]\noutput=2\n"
          "activation=linear\n[softmax]\n")


def states_memory():
    skip_sanitizer()
    program = peak_memory("bench", "tiny.cfg", "-train", "-runs", "1")
    for name, batch in (("mobilefacenet-am.cfg", 16), ("mobilefacenet-half-am.cfg", 48),
                        ("resnet-face-small-am.cfg", 32)):
        edited(name, "net.cfg", batch)
        said = darknet("check", "net.cfg").stdout
        found = re.search(rf"(?m)^training +([\d.]+) MB an image, (\d+) MB at batch {batch} ", said)
        expect(found, f"no line on training: {said[-300:]}")
        took = peak_memory("bench", "net.cfg", "-train", "-batch", str(batch), "-runs", "1")
        took = (took - program) / 1e6
        stated = float(found.group(2))
        expect(abs(stated - took) <= .1 * took, f"{name}: {stated} MB stated, {took:.0f} MB taken")
        expect(float(found.group(1)) * batch <= 1.01 * stated,
               f"{name}: an image: {found.group(0)}")


def does_not_fit():
    skip_sanitizer()
    edited("mobilefacenet-am.cfg", "large.cfg", 4096)
    limit = 8 << 30
    done = darknet("check", "large.cfg", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_AS, (limit, limit)))
    expect_end(done)
    last = done.stdout.splitlines()[-1]
    expect(re.match(r"training +not now: large\.cfg:\d+: \[\w+\] no memory for \d+ floats$", last),
           last)


def training_warns():
    """Too little memory is a warning and not an error, because the machine may have swap."""
    small_run.make_inputs()
    given = small_run.data("faces", "backup")
    small = dict(small_run.faults("no such file", 1, 1, 1), PAGES="20")
    done = darknet("classifier", "train", given, "net.cfg", "-batches", "2", env=small)
    expect_end(done)
    found = re.search(r"net\.cfg:\d+: \[net\] batch=\d+ subdivisions=\d+: training takes 0\.0 GB, "
                      r"there are 0\.0; raise subdivisions\n", done.stderr)
    expect(found, done.stderr)
    expect(found.group(0).strip() in darknet("check", "net.cfg", env=small).stdout,
           "check says else")
    done = darknet("classifier", "train", given, "net.cfg", "-batches", "2", "-name", "b")
    expect_end(done)
    expect("raise subdivisions" not in done.stderr, done.stderr)


attempt_all(make_inputs, states_memory, does_not_fit, training_warns)
summary()
