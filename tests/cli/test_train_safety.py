"""Tests that darknet classifier train saves its progress however it ends."""
import errno
import os
import resource
import shutil
import signal
import subprocess
import time

from common import attempt_all, column, darknet, expect, expect_end, read, summary, write
from small_run import (CFG, NAMES, data, faults, listing, make_inputs, refuses, start, train)

LONG = ["-batches", "100000", "-every", "100000", "-threads", "1"]
WHOLE = ["-batches", "300", "-threads", "1"]
MANY = 10**6
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU, signal.SIGUSR1)


def make_more():
    """Trains a run without faults, for comparison, and writes pairs.txt with its faces in lfw/."""
    make_inputs()
    expect_end(train(data("faces", "whole"), *WHOLE))
    lines = []
    for k in range(4):
        lines += [f"{NAMES[0]}\t{k + 1}\t{k + 5}\n", f"{NAMES[0]}\t{k + 1}\t{NAMES[1]}\t{k + 1}\n"]
    write("pairs.txt", "2\t2\n" + "".join(lines[0:4:2] + lines[1:4:2] + lines[4::2] + lines[5::2]))
    for name in NAMES[:2]:
        for i in range(10):
            write(f"lfw/{name}/{name}_{i:04}.jpg", read(f"faces/{name}/{4 * (i % 4) + 1:02}.jpg"))


def wait_line(run_, stream, *texts):
    limit = time.time() + 20
    while time.time() < limit:
        line = stream.readline()
        if any(t in line for t in texts):
            return line
        expect(line or run_.poll() is None, f"ended with {run_.returncode} before {texts}")
    raise AssertionError(texts)


def running(name, *args, **more):
    """Starts a run and returns it when it has trained 50 batches."""
    run_ = start(data("faces", name), *(args or LONG), stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, text=True, **more)
    wait_line(run_, run_.stdout, "batch 50/")
    return run_


def is_saved(name, rows=None):
    """Checks for a checkpoint, weights, and a log without gaps. Returns the batches in the log."""
    batches = [int(b) for b in column(f"{name}/net.csv", "batch")]
    expect(batches == list(range(1, len(batches) + 1)), "the log has gaps or doubles")
    expect(rows is None or len(batches) == rows, f"{len(batches)} lines, not {rows}")
    for end in ("state", "weights"):
        expect(os.path.exists(f"{name}/net.{end}"), f"no {end}")
    return len(batches)


def goes_on(name, *args):
    """Resumes the run to batch 300. The weights must have the same bits as those of the run
    `whole`, which was never interrupted."""
    expect_end(train(f"{name}.data", "-resume", *WHOLE, *args))
    expect(read(f"{name}/net.weights") == read("whole/net.weights"), "weights differ")
    is_saved(name, 300)


# ---- signals ----

def every_signal_saves():
    for number in SIGNALS:
        name = f"signal{int(number)}"
        run_ = running(name)
        run_.send_signal(number)
        _, error = run_.communicate(timeout=20)
        expect(run_.returncode == 1, f"{number}: exit status {run_.returncode}")
        expect(f"stopped at batch {is_saved(name)}; continue with -resume" in error, error)


def closed_pipe_saves():
    run_ = running("pipe")
    run_.stdout.close()
    expect(run_.wait(20) == 1, f"exit status {run_.returncode}")
    expect("stopped at batch" in run_.stderr.read(), "says that it stopped")
    is_saved("pipe")


def ignored_stays_ignored():
    run_ = running("nohup", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    run_.send_signal(signal.SIGINT)
    wait_line(run_, run_.stdout, "batch ")
    time.sleep(.1)
    expect(run_.poll() is None, "SIGINT ended it")
    run_.send_signal(signal.SIGTERM)
    expect(run_.wait(20) == 1, f"exit status {run_.returncode}")
    is_saved("nohup")


def files_of(name):
    return {f: read(os.path.join(name, f)) for f in os.listdir(name)}


def nothing_before_the_first_update():
    """When a signal stops a run with -force before its first update, the files of the finished
    run that it would have replaced stay unchanged."""
    shutil.copytree("whole", "early")
    file, before = data("faces", "early"), files_of("early")
    expect_end(darknet("init", "net.cfg", "teacher.weights"))
    write("kd.cfg", CFG + "[kd_feature]\nteacher=net.cfg\nweights=teacher.weights\n")
    pairs = ("-pairs", "pairs.txt", "-faces", "lfw")
    for text, first, cfg, args in (("faces/", 30, "net.cfg", ["-force"]),
                                   ("lfw/", 5, "net.cfg", ["-force", *pairs]),
                                   ("faces/", 80, "kd.cfg", ["-force", "-name", "net", "-cache",
                                                             "cache"])):
        done = train(file, *LONG, *args, cfg=cfg, env=faults(text, first, 1, -signal.SIGTERM))
        expect_end(done, 1, "stopped by SIGTERM")
        expect(files_of("early") == before, f"{args}: {sorted(files_of('early'))}")
    whole = [f for f in os.listdir("cache") if f.endswith((".cache", ".embeddings"))]
    expect(not whole, f"half a cache passes for a whole one: {whole}")


def stopped_in_a_verification():
    pairs = ["-pairs", "pairs.txt", "-faces", "lfw", "-verify", "20", "-batches", "40",
             "-threads", "1"]
    expect_end(train(data("faces", "verified"), *pairs))
    count = len(os.listdir("lfw/ann")) + len(os.listdir("lfw/bob"))
    used = len({line for line in read("pairs.txt").split()[2:] if line.isalpha()})
    expect(used == 2 and count == 20, "the pairs")
    file = data("faces", "cut")
    images = 12  # of the pairs: training reads them at the start, and again in each verification
    for first in range(2 * images, images, -3):
        shutil.rmtree("cut", ignore_errors=True)
        done = train(file, *pairs, env=faults("lfw/", first, 1, -signal.SIGTERM))
        if done.returncode == 1:
            break
    expect_end(done, 1, "stopped at batch 20; continue with -resume")
    expect(column_text("cut/net.csv", "pairs")[19] == "", "the verification was not cut short")
    expect_end(train(file, "-resume", *pairs))
    expect(read("cut/net.weights") == read("verified/net.weights"), "weights differ")
    expect(column_text("cut/net.csv", "pairs") == column_text("verified/net.csv", "pairs"),
           "the column of the pairs differs")
    expect(read("cut/net-best.weights") == read("verified/net-best.weights"), "best differs")


def stopped_in_the_last_verification():
    pairs = ["-pairs", "pairs.txt", "-faces", "lfw", "-verify", "20", "-batches", "40",
             "-threads", "1"]
    file, images = data("faces", "last"), 12
    for first in range(3 * images, 2 * images, -3):
        shutil.rmtree("last", ignore_errors=True)
        done = train(file, *pairs, env=faults("lfw/", first, 1, -signal.SIGTERM))
        if done.returncode == 1:
            break
    expect_end(done, 1)
    expect(column_text("last/net.csv", "pairs")[39] == "", "the verification was not cut short")
    # Older versions named this column lfw: -resume must continue such a log.
    write("last/net.csv", read("last/net.csv").replace(b",pairs,", b",lfw,", 1))
    expect("\nstate=stopped\n" in "\n" + read("last/net.run").decode(), "state")
    cut = files_of("last")
    refuses(file, "a run of this name is there: -resume continues it", args=pairs)
    expect(files_of("last") == cut, "files changed")
    expect_end(train(file, "-resume", *pairs[6:]), 0, "(remark) -verify: was 20, is never\n")
    expect(all(files_of("last")[name] == cut[name] for name in cut if name != "net.run"), "files")
    expect_end(train(file, "-resume", *pairs))
    for name in ("net.weights", "net-best.weights"):
        expect(read(f"last/{name}") == read(f"verified/{name}"), f"{name} differs")
    expect(column_text("last/net.csv", "lfw") == column_text("verified/net.csv", "pairs"),
           "the column of the pairs differs")
    got, want = (entries(f"{name}/net.run") for name in ("last", "verified"))
    for key in ("state", "loss", "accuracy", "verified", "best", "best at batch"):
        expect(got[key] == want[key] != "", f"{key}: {got[key]}, not {want[key]}")
    nothing_is_left(file, "last", *pairs)


def the_record_goes_on():
    """After -resume, the running means and the last verification in NAME.run continue."""
    shutil.copytree("verified", "record")
    before = entries("record/net.run")
    done = train(data("faces", "record"), "-resume", "-pairs", "pairs.txt", "-faces", "lfw",
                 "-batches", "60", "-verify", "20", "-threads", "1",
                 env=faults("faces/", 150, 1, -signal.SIGTERM))
    expect_end(done, 1, "continue with -resume")
    now, losses = entries("record/net.run"), column("record/net.csv", "loss")
    expect(len(losses) > 40 and now["verified"] == before["verified"] != "", now["verified"])
    mean = float(before["loss"])
    for loss in losses[40:]:
        mean += (float(loss) - mean) / 50
    expect(abs(float(now["loss"]) / mean - 1) < 1e-3, f"loss={now['loss']}, not {mean}")


def a_log_without_the_last_lines():
    """The log has lost the lines of batches 31 to 40. -resume must not write the verification of
    batch 40 into another line."""
    shutil.copytree("verified", "gap")
    write("gap/net.csv", b"".join(read("gap/net.csv").splitlines(True)[:31]))
    nothing_is_left(data("faces", "gap"), "gap", "-pairs", "pairs.txt", "-faces", "lfw", "-verify",
                    "20", "-batches", "40")


def nothing_is_left(file, folder, *args):
    whole = files_of(folder)
    refuses(file, "nothing is left to train; raise max_batches, or give a larger -batches",
            args=["-resume", *args])
    expect(files_of(folder) == whole, "files changed")


def missing_files_of_a_finished_run():
    file, args = data("faces", "end"), ("-batches", "40")
    done = train(file, *args, env=faults("end/net.run", 2, 10**6, errno.EROFS, "rename"))
    expect_end(done, 1, "end/net.run: cannot write: Read-only file system")
    expect("\nstate=done\n" not in "\n" + read("end/net.run").decode(), "state")
    whole = read("end/net.weights")
    expect_end(train(file, *args, "-resume"))
    expect("\nstate=done\n" in "\n" + read("end/net.run").decode(), "state")
    nothing_is_left(file, "end", *args)
    os.remove("end/net.weights")
    expect_end(train(file, *args, "-resume"))
    expect(read("end/net.weights") == whole, "weights")
    refuses(file, "has trained 40 batches, and -batches is 8: nothing is left to train",
            args=["-resume", "-batches", "8"])


def entries(path):
    return dict(line.split("=", 1) for line in read(path).decode().splitlines())


def column_text(path, name):
    lines = [line.split(",") for line in read(path).decode().splitlines()]
    return [line[lines[0].index(name)] for line in lines[1:]]


# ---- files that fail ----

def disk_fails_for_a_while():
    for code in (errno.EIO, errno.EMFILE, errno.ESTALE):
        name = f"errno{code}"
        done = train(data("faces", name), *WHOLE, env=faults("faces/", 400, 12, code))
        expect_end(done)
        expect("skipped" not in done.stderr, done.stderr)
        expect(read(f"{name}/net.weights") == read("whole/net.weights"), "weights differ")


def scan_reads_again():
    done = train(data("faces", "scan"), *WHOLE, env=faults("faces/", 20, 5, errno.EIO))
    expect_end(done)
    expect("60 images, 0 broken" in done.stdout, done.stdout)
    expect(read("scan/net.weights") == read("whole/net.weights"), "weights differ")


def valid_reads_again():
    file = data("faces", "valid", valid="faces")
    args = ("classifier", "valid", file, "net.cfg", "whole/net.weights", "-threads", "1")
    want = darknet(*args)
    expect_end(want)
    failed = darknet(*args, env=faults("faces/", 50, 1, errno.EIO))
    expect_end(failed)
    expect(failed.stdout == want.stdout, failed.stdout[-300:])


def folder_is_away():
    shutil.copytree("faces", "moving")
    file = data("moving", "away")
    run_ = start(file, *WHOLE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_line(run_, run_.stdout, "batch 50/")
    os.rename("moving", "moved")
    time.sleep(1.5)
    os.rename("moved", "moving")
    _, error = run_.communicate(timeout=30)
    expect(run_.returncode == 0, error)
    expect("cannot be read: No such file or directory; waiting for it" in error, error)
    expect("waited for no more; training continues" in error, error)
    expect(read("away/net.weights") == read("whole/net.weights"), "weights differ")


def folder_stays_away():
    """A signal ends the wait for the folder. The checkpoint has the last complete update."""
    run_ = start(data("faces", "lost"), *WHOLE, stderr=subprocess.PIPE, text=True,
                 env=faults("faces/", 1000, MANY, errno.EIO))
    wait_line(run_, run_.stderr, "cannot be read: Input/output error; waiting for it")
    run_.send_signal(signal.SIGTERM)
    expect(run_.wait(20) == 1, f"exit status {run_.returncode}")
    expect(is_saved("lost") < 300, "it was done before")
    goes_on("lost")


def one_image_is_gone():
    """An image is removed during training. The list has it twice, which is more than 1 % of the
    lines: training must save its work and end with an error."""
    shutil.copytree("faces", "fewer")
    lines = "".join(f"fewer/{n}/{i:02}.jpg {c}\n" for c, n in enumerate(NAMES) for i in range(20))
    write("fewer.txt", 2 * lines)
    run_ = start(data("fewer.txt", "gone"), *WHOLE, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, text=True)
    wait_line(run_, run_.stdout, "batch 50/")
    os.remove("fewer/ann/07.jpg")
    _, error = run_.communicate(timeout=30)
    expect(run_.returncode == 1 and "more than 1 % of 120 images" in error, error)
    expect("fewer/ann/07.jpg: skipped: cannot be read" in error, error)
    is_saved("gone")


def log_without_room():
    """The log becomes longer than the limit on the size of files; checkpoints stay below it.
    Training continues without the log."""
    limit = os.path.getsize("whole/net.state") + 2000
    file = data("faces", "narrow")
    done = train(file, "-batches", "1000", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_FSIZE, (limit, limit)))
    expect_end(done, 1, "narrow/net.csv: cannot write: File too large; training continues")
    text = read("narrow/net.csv")
    expect(text.endswith(b"\n") and len(text) <= limit, "a torn line")
    again = train(file, "-batches", "1001", "-resume")
    expect_end(again)
    expect(len(column("narrow/net.csv", "batch")) < 1001, "lines that were never written")


def log_in_place_of_an_input():
    write("keep/net.csv", "".join("../" + line for line in listing()))
    before = read("keep/net.csv")
    expect_end(train(data("keep/net.csv", "keep"), "-batches", "2"), 1,
               "keep/net.csv: cannot write: it is an input of this command")
    expect(read("keep/net.csv") == before, "the list")


def bad_pairs_are_found_first():
    shutil.copytree("lfw", "bad")
    good = read("bad/bob/bob_0001.jpg")
    write("bad/bob/bob_0001.jpg", good[:len(good) // 3])
    file, args = data("faces", "pairs"), ("-pairs", "pairs.txt", "-faces", "bad", *LONG)
    refuses(file, "bad/bob/bob_0001.jpg: ", args=args)
    os.remove("bad/bob/bob_0001.jpg")
    refuses(file, "missing", args=args)
    expect(not os.listdir("pairs"), f"{os.listdir('pairs')}")


def bad_pairs_later():
    shutil.copytree("lfw", "later")
    run_ = start(data("faces", "late"), "-batches", "400", "-threads", "1", "-pairs", "pairs.txt",
                 "-faces", "later", "-verify", "200", stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, text=True)
    wait_line(run_, run_.stdout, "batch 50/")
    write("later/bob/bob_0001.jpg", "no image")
    _, error = run_.communicate(timeout=30)
    expect(run_.returncode == 1 and "later/bob/bob_0001.jpg" in error, error)
    expect("training continues" in error, error)
    is_saved("late", 400)


def no_checkpoint_for_a_while():
    """The folder of the run is moved away during training, then back."""
    run_ = running("locked", "-batches", "3000", "-every", "100", "-threads", "1")
    os.rename("locked", "nowhere")
    wait_line(run_, run_.stderr, "training continues, the next attempt is in")
    os.rename("nowhere", "locked")
    run_.stdout.close()
    expect(run_.wait(30) == 1, f"exit status {run_.returncode}")
    expect("stopped at batch" in run_.stderr.read(), "says that it stopped")
    is_saved("locked")


attempt_all(make_more, every_signal_saves, closed_pipe_saves, ignored_stays_ignored,
            nothing_before_the_first_update, stopped_in_a_verification,
            stopped_in_the_last_verification, the_record_goes_on, a_log_without_the_last_lines,
            missing_files_of_a_finished_run,
            disk_fails_for_a_while, scan_reads_again, valid_reads_again, folder_is_away,
            folder_stays_away, one_image_is_gone,
            log_without_room, log_in_place_of_an_input, bad_pairs_are_found_first, bad_pairs_later,
            no_checkpoint_for_a_while)
summary()
