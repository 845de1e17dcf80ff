"""Tests classifier train -port: the page, its events and its clients."""
import os
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection

from browser import Browser, find
from common import (DARKNET, attempt_all, column, darknet, expect, expect_end, read, summary, write)
from tiny_run import NET, make_images

FOREVER = 100000000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_taken():
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", PORT)) == 0


PORT = free_port()


def train(name, batches, *more):
    write(f"{name}.cfg", NET.format(batches))
    return "classifier", "train", "t.data", f"{name}.cfg", "-threads", "1", *more


class Running:
    """A training that runs during a `with` block and is stopped at its end."""

    def __init__(self, name, *more):
        self.child = subprocess.Popen([DARKNET, *train(name, FOREVER, "-port", str(PORT), *more)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log, self.error = f"out/{name}.csv", ""

    def __enter__(self):
        self.wait(lambda: os.path.exists(self.log) and is_taken())
        return self

    def wait(self, until):
        end = time.time() + 30
        while not until() and self.child.poll() is None and time.time() < end:
            time.sleep(.02)
        expect(until(), f"status {self.child.poll()}")

    def batches(self):
        return len(column(self.log, "loss"))

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        asked = time.time()
        self.error = self.child.communicate(timeout=60)[1]
        self.took = time.time() - asked


def talk(data=b"", wait=True):
    """Sends bytes to the page's server. Returns the answer; b"closed" when the server resets the
    connection; the open socket when `wait` is false."""
    s = socket.create_connection(("127.0.0.1", PORT), timeout=20)
    try:
        s.sendall(data)
        if not wait:
            return s
        out = b""
        while True:
            part = s.recv(65536)
            if not part:
                return out
            out += part
    except ConnectionError:
        return b"closed"
    finally:
        if wait:
            s.close()


def get(path, method="GET", **headers):
    c = HTTPConnection("127.0.0.1", PORT, timeout=20)
    c.request(method, path, headers=headers)
    answer = c.getresponse()
    body = b"" if path == "/events" and answer.status == 200 else answer.read()
    return answer, body


def events(stream, until):
    """Returns the server-sent events of an answer as [(event, [data])], up to the first event for
    which until(event, [data]) is true."""
    out, kind, data = [], "", []
    for line in stream:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data:"):
            data.append(line[6:])
        elif not line and kind:
            out.append((kind, data))
            if until(kind, data):
                break
            kind, data = "", []
    return out


def points(got):
    """Returns the curve's rows: those of the last "all" event and of the "more" events after it."""
    rows = []
    for kind, data in got:
        if kind == "all":
            rows = []
        if kind in ("all", "more"):
            rows += [d.split(",") for d in data if d]
    return rows


def as_the_log(rows, name, batches):
    expect([int(r[0]) for r in rows] == list(range(1, batches + 1)), [r[0] for r in rows][-5:])
    for at, title in ((2, "loss"), (3, "rate"), (10, "softmax_1")):
        for row, want in zip(rows, column(f"out/{name}.csv", title)):
            expect(abs(float(row[at]) - want) <= 1e-5 * abs(want), f"{title}: {row}, {want}")


# ---- the tests ----

def page():
    with Running("a") as run_a:
        answer, body = get("/")
        expect(answer.status == 200 and b"EventSource" in body and body.endswith(b"</html>\n"),
               (answer.status, body[-100:]))
        links = body.replace(b"http://www.w3.org/2000/svg", b"").count(b"://")
        expect(not links, "needs a network")
        expect("default-src 'none'" in answer.headers["Content-Security-Policy"], answer.headers)
        stream, _ = get("/events")
        expect(stream.headers["Content-Type"] == "text/event-stream", stream.headers)
        got = events(stream, lambda kind, data: kind == "more")
        expect(got[0] == ("run", [str(FOREVER), read(run_a.log).decode().split("\n")[0], "a"]),
               got[0])
        expect(got[1][0] == "all" and got[-1][0] == "more", [k for k, _ in got])
        rows = points(got)
        first, second = (int(row[0]) for row in rows[:2])
        expect(first == second - first, f"{rows[:3]}: the curve does not start with the log")
        expect(all(int(a[0]) < int(b[0]) for a, b in zip(rows, rows[1:])), rows[:3])
    expect("stopped at batch" in run_a.error, run_a.error)


def resumed():
    expect_end(darknet(*train("b", FOREVER, "-batches", "40")))
    going = Running("b", "-resume", "-batches", "2000")
    going.wait(is_taken)
    stream, _ = get("/events")
    got = events(stream, lambda kind, data: kind == "end")
    expect(got[0][1][0] == "2000" and got[-1][0] == "end" and stream.read() == b"", got[-1])
    expect(going.child.wait() == 0, going.child.stderr.read())
    as_the_log(points(got), "b", 2000)


def same_numbers():
    expect_end(darknet(*train("c", 300)))
    expect_end(darknet(*train("d", 300, "-port", str(PORT))))
    expect(read("out/c.weights") == read("out/d.weights"), "the page changed the weights")


def refusals():
    with Running("e"):
        expect(get("/x")[0].status == 404, "another path")
        expect(get("/events/")[0].status == 404, "another path")
        expect(get("/?a=b")[0].status == 200, "with a query")
        for method in ("POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get"):
            answer, _ = get("/", method)
            expect((answer.status, answer.headers["Allow"]) == (405, "GET"), method)
        expect(get("/", Host="evil.example")[0].status == 403, "another name of this machine")
        expect(get("/", Host="localhost:9999")[0].status == 200, "a tunnel")
        for garbage in (b"\n\n", b"\x16\x03\x01\x02\0\x01\0" + bytes(range(256)) + b"\r\n\r\n",
                        b"GET /\r\n\r\n", b"GET / FTP/1.0\r\n\r\n", b"\0\0\0\0\r\n\r\n"):
            expect(talk(garbage).startswith(b"HTTP/1.1 400 "), (garbage, talk(garbage)))
        expect(talk(b"GET / HTTP/1.0\n\n").startswith(b"HTTP/1.1 200 "), "lines without \\r")
        large = talk(b"GET / HTTP/1.1\r\nx: " + b"y" * 300000)
        expect(large.startswith(b"HTTP/1.1 431 ") or large == b"closed", large[:50])
        slow = talk(b"GET /", wait=False)
        slow.sendall(b" HTTP/1.1\r\n\r\n")
        expect(slow.recv(12) == b"HTTP/1.1 200", "in two parts")
        slow.close()
        other = socket.socket()
        expect(other.connect_ex(("127.0.0.2", PORT)) != 0, "listens on more than 127.0.0.1")
        other.close()


def crowd():
    """50 clients get the page although other clients hang. Too many clients get status 503."""
    with Running("f") as going:
        ask = b"GET /events HTTP/1.1\r\n\r\n"
        silent = [talk(wait=False) for _ in range(5)]
        deaf = [talk(ask, wait=False) for _ in range(5)]
        for _ in range(20):
            talk(ask, wait=False).close()
            talk(b"GET / HT", wait=False).close()
        readers = [get("/events")[0] for _ in range(50)]
        for r in readers:
            expect(r.status == 200 and events(r, lambda kind, data: kind == "all"), r.status)
        more = [talk(ask, wait=False) for _ in range(40)]
        said = [s.recv(12) for s in more]
        expect(b"HTTP/1.1 503" in said, said)
        before = going.batches()
        going.wait(lambda: going.batches() > before + 50)
        for s in silent + deaf + more:
            s.close()
        going.wait(lambda: get("/")[0].status == 200)
    expect(going.took < 10 and "stopped at batch" in going.error, (going.took, going.error))


def taken():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        done = darknet(*train("g", 10, "-port", str(port)))
        expect((done.returncode, done.stderr) ==
               (1, f"-port {port}: 127.0.0.1:{port}: Address already in use\n"), done)
        expect(not os.path.exists("out/g.weights") and not os.path.exists("out/g.csv"), "trained")
    for bad in ("0", "65536", "x", "-1"):
        expect(darknet(*train("g", 10, "-port", bad)).returncode == 2, bad)


def chromium():
    find()
    state = "document.getElementById('state').textContent"
    url = f"http://127.0.0.1:{PORT}/"
    with Browser() as b:
        with Running("h"):
            b.open(url)
            b.wait("document.querySelectorAll('polyline').length >= 7")
            first = b.value(state)
            expect(first.startswith("training · batch ") and f" of {FOREVER} · epoch " in first,
                   first)
            for text in ("<title>h</title>", "mean over the images of a batch", "Learning rate",
                         "images a second", "training images"):
                expect(text in b.text(), f"no {text}")
            expect(b.value("document.querySelectorAll('svg').length") == 4, b.text())
            b.wait(f"{state} != {first!r}")
        b.wait(f"{state}.startsWith('the run is over · batch ')")
        batch = b.value("Number(points[points.length - 1][0])")
        expect(batch == len(column("out/h.csv", "loss")), batch)
        with Running("h", "-resume"):
            b.wait(f"Number(points[points.length - 1][0]) > {batch} && "
                   f"{state}.startsWith('training')")
            expect(b.value("points[0][0] * 100") < batch, "begins late")


attempt_all(make_images, page, resumed, same_numbers, refusals, crowd, taken, chromium)
summary()
