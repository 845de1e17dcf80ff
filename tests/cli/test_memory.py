"""darknet check: the memory of training that it states is what the process takes, to 10 %, and a
batch that does not fit is said to."""
import os
import re
import resource

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
        expect(float(found.group(1)) * batch <= 1.01 * stated, f"{name}: an image: {found.group(0)}")


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


attempt_all(make_inputs, states_memory, does_not_fit)
summary()
