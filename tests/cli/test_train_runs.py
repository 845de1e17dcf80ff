"""Tests the files of runs: no run is replaced without -force, and `darknet runs` lists them."""
import os
import shlex
import shutil
import signal
import subprocess
import time

from common import attempt_all, column, darknet, expect, expect_end, read, summary, write
from small_run import CFG, SHORT, data, faults, make_run, refuses, start, train


def files_of(name):
    return {f: read(os.path.join(name, f)) for f in os.listdir(name)}


def no_run_is_replaced():
    shutil.copytree("a", "kept")
    file, before = data("faces", "kept"), files_of("kept")
    refuses(file, "kept/net.state: this very run is done: -name or -out makes another one, -force "
            "trains it again in its place", args=SHORT)
    refuses(file, "this very run is done", args=("-batches", "20", "-threads", "2"))
    expect(files_of("kept") == before, "files changed")
    unfinished = before["net.run"].replace(b"state=done", b"state=stopped")
    for record in (unfinished, None):
        write("kept/net.run", record) if record else os.remove("kept/net.run")
        for args in (SHORT, ("-batches", "30"), ("-seed", "9", *SHORT)):
            refuses(file, "kept/net.state: a run of this name is there: -resume continues it, "
                    "-name or -out makes another one, -force replaces it", args=args)
    write("kept/net.run", before["net.run"])
    expect(files_of("kept") == before, "files changed")
    expect_end(train(file, "-name", "second", "-seed", "9", *SHORT))
    expect_end(train(file, "-out", "third", "-seed", "9", *SHORT))
    expect(read("kept/second.weights") == read("third/net.weights"), "-name and -out")
    expect({k: v for k, v in files_of("kept").items() if k in before} == before, "files changed")
    write("kept/net-best.weights", "another run's")
    expect_end(train(file, "-force", "-seed", "9", *SHORT))
    expect(read("kept/net.weights") == read("third/net.weights"), "-force")
    expect(len(column("kept/net.csv", "batch")) == 20, "lines of the log")
    expect(not os.path.exists("kept/net-best.weights"), "the other run's best is still there")


def finished_runs_make_room():
    """Another experiment of the same name needs no -force: the files of the finished run get the
    name net.old-N."""
    shutil.copytree("a", "room")
    file, first = data("faces", "room"), files_of("room")
    write("room/net-best.weights", "best")
    write("room/net-best.txt", "score")
    write("room/net.old-1.run", "another's")
    first.update({"net-best.weights": b"best", "net-best.txt": b"score"})
    kept = {}
    for number, args in ((2, ("-seed", "9", *SHORT)), (3, SHORT), (4, ("-batches", "21")),
                         (5, ("room/net.weights", "-clear", *SHORT))):
        done = train(file, *args)
        expect_end(done, 0, f"room/net.*: the finished run of this name is kept as "
                   f"room/net.old-{number}.*\n")
        kept.update({k.replace("net", f"net.old-{number}", 1): v for k, v in first.items()})
        now = files_of("room")
        expect({k: v for k, v in now.items() if k in kept} == kept, f"{args}: not all is kept")
        first = {k: v for k, v in now.items() if ".old-" not in k}
        expect(len(column("room/net.csv", "batch")) == (21 if number == 4 else 20), "the log")
    expect(read("room/net.old-4.weights") != read("room/net.weights"), "trained from the weights")
    names = [line.split()[0] for line in darknet("runs", "room").stdout.splitlines()[1:]]
    expect(sorted(names) == ["room/net"] + [f"room/net.old-{i}" for i in range(2, 6)], f"{names}")


def another_start_is_another_run():
    """Two runs differ when they begin with different weights, whatever the file's name."""
    file, begin = data("faces", "begin"), ("w.weights", *SHORT)
    for seed in "97":
        write("w.cfg", CFG.replace("seed=3", f"seed={seed}"))
        expect_end(darknet("init", "w.cfg", f"w{seed}.weights"))
    shutil.copy("w9.weights", "w.weights")
    expect_end(train(file, "w.weights", "-batches", "10", "-threads", "1"))
    expect_end(train(file, "-resume", *SHORT))
    expect("\nstart=w.weights\n" in read("begin/net.run").decode(), "-resume lost the start")
    refuses(file, "this very run is done", args=begin)
    refuses(file, "this very run is done", args=("w9.weights", *SHORT))
    shutil.copy("w7.weights", "w.weights")
    for number, args in enumerate((begin, ("a/net.weights", "-clear", *SHORT), SHORT), 1):
        done = train(file, *args)
        expect_end(done, 0, f"the finished run of this name is kept as begin/net.old-{number}.*")
        refuses(file, "this very run is done", args=args)
    expect("\nstart=" not in read("begin/net.run").decode(), "a start without weights")


def making_room_is_cut_short():
    """After a kill while files get the name net.old-1, the next start renames the remaining files
    to net.old-1, too."""
    ends = (".state", ".weights", "-best.weights", "-best.txt", ".names", ".csv", ".run")
    for cut in range(len(ends)):
        shutil.rmtree("cut", ignore_errors=True)
        shutil.copytree("a", "cut")
        write("cut/net-best.weights", "best")
        write("cut/net-best.txt", "score")
        before = files_of("cut")
        for end in ends[:cut]:
            os.rename(f"cut/net{end}", f"cut/net.old-1{end}")
        expect_end(train(data("faces", "cut"), "-seed", "9", *SHORT), 0, "kept as cut/net.old-1.*")
        now = files_of("cut")
        for end in ends:
            expect(now.get(f"net.old-1{end}") == before[f"net{end}"], f"{cut}: {end} is lost")
        expect(not [k for k in now if "old-2" in k], f"{cut}: {sorted(now)}")


def a_signal_before_the_first_update_renames_nothing():
    shutil.copytree("a", "early")
    before = files_of("early")
    done = train(data("faces", "early"), "-seed", "9", *SHORT,
                 env=faults("faces/", 1, 1, -signal.SIGTERM))
    expect_end(done, 1)
    expect(files_of("early") == before, f"{sorted(files_of('early'))}")


def a_signal_before_the_first_update_of_given_weights():
    """The run begins with weights that were trained for 20 batches. Stopped before its first
    update, it has no checkpoint."""
    args = ("a/net.weights", "-batches", "40", "-threads", "1")
    done = train(data("faces", "given"), *args, env=faults("given/net.run", 1, 1, -signal.SIGTERM))
    expect_end(done, 1, "stopped by SIGTERM")
    expect("-resume" not in done.stderr and not os.path.exists("given/net.state"), done.stderr)


def nothing_left():
    shutil.copy("a/net.weights", "done.weights")
    file = data("faces", "left")
    refuses(file, "done.weights: has trained 20 batches, and -batches is 20: nothing is left to "
            "train; -clear counts from 0", args=["done.weights", *SHORT])
    expect(not os.path.exists("left"), "a folder was made")
    before = files_of("a")
    refuses("a.data", "a/net.state: has trained 20 batches", "larger -batches",
            args=["-resume", *SHORT])
    expect(files_of("a") == before, "files changed")
    write("frozen.cfg", CFG.replace("[softmax]", "[softmax]\nstopbackward=1"))
    refuses(file, "nothing would be trained", cfg="frozen.cfg")
    write("poly.cfg", CFG.replace("policy=constant", "policy=poly"))
    refuses(file, "policy=poly: the rate is 0 from max_batches=60 on", cfg="poly.cfg",
            args=["-batches", "61"])


def started_from_weights():
    file = data("faces", "from")
    write("from/net.csv", read("a/net.csv"))
    expect_end(train(file, "done.weights", "-batches", "30", "-threads", "1"))
    expect(column("from/net.csv", "batch") == list(range(21, 31)), "the log")


def one_process_at_a_time():
    file = data("faces", "two")
    first = start(file, "-batches", "100000", "-threads", "1", stdout=subprocess.PIPE, text=True)
    while "batch 50/" not in first.stdout.readline():
        expect(first.poll() is None, "ended")
    second = train(file, *SHORT)
    expect_end(second, 1, f"is in use by process {first.pid} on ")
    expect_end(train(file, "-name", "own", *SHORT))
    first.send_signal(signal.SIGTERM)
    expect(first.wait(20) == 1, f"exit status {first.returncode}")
    batches = len(column("two/net.csv", "batch"))
    again = start(file, "-resume", "-batches", "100000", "-threads", "1", "-every", "20",
                  stdout=subprocess.PIPE, text=True)
    while "batch " not in again.stdout.readline():
        expect(again.poll() is None, "ended")
    again.kill()
    again.wait()
    expect_end(train(file, "-resume", "-batches", str(batches + 3000), "-threads", "1"))


def runs_are_listed():
    done = darknet("runs")
    expect_end(done)
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    expect(lines["whole/net"][:2] == ["done", "40/40"], f"{lines['whole/net']}")
    expect(lines["third/net"][:2] == ["done", "20/20"] and "9" in lines["third/net"],
           f"{lines['third/net']}")
    record = read("third/net.run").decode()
    for text in ("command=", " -out third -seed 9 -batches 20", "[net] learning_rate=0.002",
                 "processor=", "build=", "began=", "seconds=", "seed=9", "loss="):
        expect(text in record, f"no {text} in {record}")
    expect(darknet("runs", "faces").stdout == "no runs in faces\n", "a folder without runs")
    expect(darknet("runs", "absent").returncode == 1, "a folder that is not there")


def the_command_can_be_pasted():
    expect_end(train(data("faces", "pasted"), "-out", "it's a run", "-batches", "2"))
    line = next(w for w in read("it's a run/net.run").decode().splitlines() if "command=" in w)
    words = shlex.split(line.partition("=")[2])
    expect("it's a run" in words and words[1:3] == ["classifier", "train"], f"{words}")


def killed_runs_are_told():
    file = data("faces", "dead")
    run_ = start(file, "-batches", "100000", "-every", "10", "-threads", "1")
    limit = time.time() + 20
    while not os.path.exists("dead/net.run") and time.time() < limit:
        time.sleep(.01)
    line = darknet("runs", "dead").stdout.splitlines()[-1]
    expect("  running  " in line, line)
    run_.kill()
    run_.wait()
    line = darknet("runs", "dead").stdout.splitlines()[-1]
    expect("  killed" in line, line)


def failed_runs_are_told():
    """Parameters become infinite after the checkpoint of batch 20, which stays the last."""
    write("wild.cfg", CFG.replace("policy=constant", "policy=steps\nsteps=25,26,27\n"
                                  "scales=1e9,1e9,1e9"))
    refuses(data("faces", "wild"), "wild/wild.state is the last checkpoint", cfg="wild.cfg",
            args=("-batches", "60", "-every", "10"))
    line = darknet("runs", "wild").stdout.splitlines()[-1].split()
    expect(line[1:3] == ["failed", "20/60"], line)
    expect("state=failed: wild.cfg:" in read("wild/wild.run").decode(), "what failed")


attempt_all(make_run, no_run_is_replaced, finished_runs_make_room, another_start_is_another_run,
            making_room_is_cut_short, a_signal_before_the_first_update_renames_nothing,
            a_signal_before_the_first_update_of_given_weights, nothing_left,
            started_from_weights, one_process_at_a_time, runs_are_listed,
            the_command_can_be_pasted, killed_runs_are_told, failed_runs_are_told)
summary()
