"""Trains classifiers that use a teacher's classes or features."""
import os
import shutil

from common import attempt_all, darknet, expect, expect_end, needed, read, summary, write

with needed():
    import numpy as np

from small_run import CFG, CLASSES, EACH, NAMES, data, make_inputs, refuses, train

D = 6
BODY = CFG[:CFG.index("[connected]")]
TEACHER = BODY.replace("seed=3", "seed=9") + f"""[connected]
output={D}
activation=linear
name=embedding
[margin_softmax]
classes={CLASSES}
"""
FOLLOWS = "centres=teacher\n"
OF_T = "teacher=t.cfg\nweights=t.weights\n"
N = 24  # updates


def start():
    make_inputs()
    write("t.cfg", TEACHER.replace("seed=9", "seed=5"))
    expect_end(darknet("init", "t.cfg", "t.weights"))
    write("t.cfg", TEACHER)  # t.weights has seed 5, so it differs from this cfg's initial weights
    for name in NAMES:  # images that already have the size of the network
        os.makedirs(f"same/{name}")
        for i in range(EACH):
            if i % 4:
                os.link(f"faces/{name}/{i:02}.jpg", f"same/{name}/{i:02}.jpg")


def student(name, head, of_teacher=OF_T):
    return write(f"{name}.cfg", BODY + f"""[connected]
output={D}
activation=linear
[margin_softmax]
classes={CLASSES}
margin=arcface
s=8
{head}{of_teacher}""")


def head_of(name):
    """Returns the class vectors, CLASSES x D: the last numbers of the file of weights."""
    return np.frombuffer(read(name)[-4 * CLASSES * D:], np.float32).reshape(CLASSES, D)


def run(name, head, *more, of_teacher=OF_T):
    """Trains N updates twice: in one run, and in two runs of N/2. Both must give the same bits.
    Returns the path of the weights."""
    cfg = student(name, head, of_teacher)
    whole, parts = data("faces", f"{name}-whole"), data("faces", f"{name}-parts")
    expect_end(train(whole, "-batches", str(N), "-name", "w", *more, cfg=cfg))
    expect_end(train(parts, "-batches", str(N // 2), "-name", "w", *more, cfg=cfg))
    expect_end(train(parts, "-batches", str(N), "-name", "w", "-resume", *more, cfg=cfg))
    for end in "weights", "state":
        expect(read(f"{name}-whole/w.{end}") == read(f"{name}-parts/w.{end}"),
               f"-resume gives another w.{end}")
    return f"{name}-whole/w.weights"


def cosines(a, b):
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    return (a * b).sum(1)


def teacher_means():
    """Returns the mean of the teacher's normalised features for each class, CLASSES x D."""
    expect_end(darknet("embed", "t.cfg", "t.weights", "same", "t.embeddings"))
    v = np.frombuffer(read("t.embeddings")[-4 * D * CLASSES * EACH * 3 // 4:], np.float32)
    v = v.reshape(-1, D)
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    return v.reshape(CLASSES, -1, D).mean(1)


def centres_become_the_teachers():
    weights = run("c", FOLLOWS)
    near = cosines(head_of(weights), teacher_means())
    expect((near > .9).all(), f"centres are not where the teacher has the classes: {near}")


def with_a_cache():
    run("cached", FOLLOWS, "-cache", "cache")
    expect(len(os.listdir("cache")) == 1, f"cache: {os.listdir('cache')}")


def sampled_and_fixed():
    run("sampled", FOLLOWS + "sample=.7\nalpha=adaptive\n")
    run("fixed", FOLLOWS + "alpha=fixed\nalpha_fixed=.5\n")


def grouped():
    run("grouped", "", "-cache", "cache",
        of_teacher=f"[kd_probability]\ngroup=.8\nwarmup=4\n{OF_T}")


def thresholds_go_on():
    weights = run("relation", "", of_teacher=f"[kd_relation]\nweight=10\n{OF_T}")
    numbers = np.frombuffer(read(weights)[-4 * 13:], np.float32)
    for side in numbers[:6], numbers[6:12]:
        expect((np.diff(side) >= 0).all() and side[0] < side[-1] <= 1.0001, f"thresholds: {side}")
    expect(numbers[12] == 1, f"flag: {numbers[12]}")


def inherited_stays():
    vectors = read("t.weights")[-4 * CLASSES * D:]
    for head in "", "margins=teacher\n", "sample=.7\n":
        weights = run("inherited", "centres=inherited\n" + head)
        expect(read(weights)[-len(vectors):] == vectors, f"{head}: the vectors changed")
        shutil.rmtree("inherited-whole")
        shutil.rmtree("inherited-parts")
    # a weights file does not replace the inherited class vectors
    expect_end(darknet("init", "inherited.cfg", "other.weights"))
    expect(read("other.weights")[-len(vectors):] != vectors, "the file already has them")
    expect_end(train(data("faces", "inherited-from"), "-batches", "4", "-name", "w",
                     "other.weights", cfg="inherited.cfg"))
    expect(read("inherited-from/w.weights")[-len(vectors):] == vectors, "those of the file stayed")


def inherited_runs_no_teacher():
    """Only the teacher's class vectors are needed, not its outputs: the cache stays empty."""
    expect_end(train(data("faces", "idle"), "-batches", "2", "-cache", "none", cfg="inherited.cfg"))
    expect(os.listdir("none") == [], f"cache: {os.listdir('none')}")


def another_head():
    for name, text, why in (
            ("more", TEACHER.replace(f"classes={CLASSES}", "classes=7"),
             "the teacher has 7 classes, the student 3"),
            ("wide", TEACHER.replace(f"output={D}", "output=9"),
             "the teacher's embedding has 9 numbers, the student's 6"),
            ("plain", BODY + "[connected]\noutput=3\nactivation=linear\n[softmax]\n",
             "the teacher's classifier has no class vectors, as one over cosines has")):
        write(f"{name}.cfg", text)
        expect_end(darknet("init", f"{name}.cfg", f"{name}.weights"))
        cfg = student("bad", "centres=inherited\n", f"teacher={name}.cfg\nweights={name}.weights\n")
        refuses(data("faces", "b"), f"bad.cfg:24: [margin_softmax] centres=inherited: {why}",
                cfg=cfg)


def teacher_of_the_command_line():
    run("line", FOLLOWS, "-teacher", "t.cfg", "-teacher-weights", "t.weights", of_teacher="")
    expect(read("line-whole/w.weights") == read("c-whole/w.weights"), "other weights than by cfg")


def the_student_needs_no_teacher():
    os.rename("t.cfg", "away")
    try:
        expect_end(darknet("embed", "c.cfg", "c-whole/w.weights", "same", "c.embeddings"))
    finally:
        os.rename("away", "t.cfg")


def another_length():
    write("long.cfg", TEACHER.replace(f"output={D}", "output=7"))
    expect_end(darknet("init", "long.cfg", "long.weights"))
    student("other", FOLLOWS, "teacher=long.cfg\nweights=long.weights\n")
    refuses(data("faces", "o"), "other.cfg:24: [margin_softmax] centres=teacher: the teacher's "
            "embedding has 7 numbers, the student's 6", cfg="other.cfg")


def without_labels():
    student("nolabels", FOLLOWS)
    refuses(data("faces", "n", classes=0), "nolabels.cfg:24: [margin_softmax] learns from classes, "
            "but n.data has none", cfg="nolabels.cfg")
    write("relation-alone.cfg", BODY + f"[connected]\noutput=5\n[kd_relation]\n{OF_T}")
    refuses("n.data", "relation-alone.cfg:23: [kd_relation] learns from classes, but n.data has "
            "none", cfg="relation-alone.cfg")


def what_has_no_effect():
    cfg = student("idle", "alpha=fixed\n", "teacher=gone.cfg\n")
    done = darknet("check", cfg)
    expect_end(done, 0)
    for text in ("idle.cfg:28: [margin_softmax] alpha=fixed: has no effect without centres=teacher",
                 "idle.cfg:29: [margin_softmax] teacher=gone.cfg: has no effect without "
                 "centres=teacher"):
        expect(text in done.stdout + done.stderr, f"no '{text}' in: {done.stdout}{done.stderr}")


attempt_all(start, centres_become_the_teachers, with_a_cache, sampled_and_fixed, grouped,
            thresholds_go_on,
            inherited_stays, inherited_runs_no_teacher, another_head,
            teacher_of_the_command_line, the_student_needs_no_teacher, another_length,
            without_labels,
            what_has_no_effect)
summary()
