"""The methods of training a student, as data. A new method is a new row of METHODS.

A training replaces the words in braces. {cfg} and {weights} are the teacher's files. {headed} and
{headed_weights} are the files of the teacher with a classifier for the training identities.
{quarter} is a quarter of the batch. The values of all other words are in `usual`, or are chosen."""
import dataclasses

TAUGHT = {"teacher": "{cfg}", "weights": "{weights}"}
WEIGHTED = {**TAUGHT, "weight": "{weight}"}
PROBABLE = {"teacher": "{headed}", "weights": "{headed_weights}", "weight": "{weight}"}
LABELS = {"m": "{m}"}  # the margin of [margin_softmax]
COSINE = {"policy": "cosine"}
# batches that have 4 images of each person
GROUPS = {"sampler": "balanced", "identities": "{quarter}", "images": 4}


@dataclasses.dataclass(frozen=True)
class Method:
    what: str
    cfg: str  # a file in cfg/, of the student of width 1/2
    labels: bool = True  # False: the losses use no identities, so all faces can be used
    edit: dict = dataclasses.field(default_factory=dict)  # {section: {option: value}} to set in cfg
    add: str = ""  # sections to append to cfg
    usual: dict = dataclasses.field(default_factory=dict)  # default values: {word in braces: value}
    # values that replace values of `usual` when the user gives --teacher-weights
    given: dict = dataclasses.field(default_factory=dict)
    choices: tuple = ()  # dicts like `usual`; the best one on development pairs is taken
    tuned_as: str = ""  # another method, whose chosen values this method also uses
    against: tuple = ("scratch",)  # the methods to compare with by McNemar's test
    # (method, f): a student of width w learns from the student of width f * w of `method`, or from
    # the teacher of the experiment when f * w is 1 or more.
    pupil_of: tuple = ()
    softens: bool = False  # the teacher is first trained to imitate the student of pupil_of (ReFO)


def weights(*values):
    return tuple({"weight": v} for v in values)


def features(what, net=None, flips=None, usual=None, **more):
    """Returns a method that learns from the teacher's features alone. net: options of [net]; flips:
    the option of [kd_feature]; usual: default values of words other than {weight}."""
    loss = WEIGHTED if flips is None else {**WEIGHTED, "flips": flips}
    return Method(what, "mobilefacenet-half-kd-feature.cfg", labels=False,
                  edit={"net": net or {}, "kd_feature": loss},
                  usual={"weight": 32, **(usual or {})}, **more)


METHODS = {
    "scratch": Method(
        "labels alone (CosFace)", "mobilefacenet-half-am.cfg",
        edit={"margin_softmax": LABELS}, usual={"m": .2},
        choices=({"m": .2}, {"m": .35}, {"m": .5}), against=()),
    "probability": Method(
        "labels and probabilities", "mobilefacenet-half-kd-probability.cfg",
        edit={"margin_softmax": LABELS, "kd_probability": PROBABLE},
        usual={"m": .2, "weight": 1}, given={"weight": .1}, choices=weights(.1, .3, 1, 3),
        tuned_as="scratch"),
    "feature": features("the teacher's features, no labels", choices=weights(10, 32, 100)),
    "correlation": Method(
        "labels and correlations (CC-KD)", "mobilefacenet-half-kd-correlation.cfg",
        edit={"margin_softmax": LABELS, "kd_correlation": WEIGHTED},
        usual={"m": .2, "weight": 2000}, given={"weight": 30}, choices=weights(3, 30, 300),
        tuned_as="scratch"),
    "exclusive": Method(
        "features, hard samples, exclusivity (EC-KD, our reading)",
        "mobilefacenet-half-kd-ec.cfg", labels=False,
        edit={"net": {"exclusivity": "{exclusivity}"},
              "kd_feature": {**TAUGHT, "hard_sharpness": "{sharpness}"}},
        usual={"exclusivity": 1e-4, "sharpness": 1},
        choices=({"exclusivity": 1e-4, "sharpness": 2}, {"exclusivity": 1e-4, "sharpness": 8},
                 {"exclusivity": 1e-3, "sharpness": 8}),
        against=("scratch", "feature")),
    "labels-feature": Method(
        "labels and the teacher's features", "mobilefacenet-half-am.cfg",
        edit={"margin_softmax": LABELS},
        add="\n[kd_feature]\nteacher={cfg}\nweights={weights}\nweight={weight}\n",
        usual={"m": .2, "weight": 32}, choices=weights(8, 32), tuned_as="scratch",
        against=("scratch", "feature")),
    "scratch-groups": Method(
        "labels alone, batches of 4 images of each identity", "mobilefacenet-half-am.cfg",
        edit={"net": GROUPS, "margin_softmax": LABELS}, usual={"m": .2}, tuned_as="scratch"),
    "correlation-groups": Method(
        "CC-KD, batches of 4 images of each identity", "mobilefacenet-half-kd-correlation.cfg",
        edit={"net": GROUPS, "margin_softmax": LABELS, "kd_correlation": WEIGHTED},
        usual={"m": .2, "weight": 2000}, given={"weight": 30}, tuned_as="correlation",
        against=("scratch", "scratch-groups", "correlation")),
    "adadistill": Method(
        "labels, by class centres that follow the teacher's features (AdaDistill)",
        "mobilefacenet-half-kd-adadistill.cfg",
        edit={"margin_softmax": {**LABELS, **TAUGHT}}, usual={"m": .45},
        choices=({"m": .2}, {"m": .45})),
    "grouped": Method(
        "labels and grouped probabilities (GKD)", "mobilefacenet-half-kd-grouped.cfg",
        edit={"margin_softmax": LABELS, "kd_probability": PROBABLE},
        usual={"m": .2, "weight": 1}, given={"weight": .1}, choices=weights(.1, 1),
        tuned_as="scratch", against=("scratch", "probability")),
    "inherited": Method(
        "labels, by the class vectors of the teacher's classifier (ProxylessKD)",
        "mobilefacenet-half-kd-inherited.cfg",
        edit={"margin_softmax": {**LABELS, "teacher": "{headed}", "weights": "{headed_weights}"}},
        usual={"m": .2}, tuned_as="scratch"),
    "margins": Method(
        "the same, with a margin of each image by the teacher's features (MarginDistillation)",
        "mobilefacenet-half-kd-inherited.cfg",
        edit={"margin_softmax": {**LABELS, "margins": "teacher", "teacher": "{headed}",
                                 "weights": "{headed_weights}"}},
        usual={"m": .5}, choices=({"m": .35}, {"m": .5}), against=("scratch", "inherited")),
    "relation": Method(
        "labels and the thresholds that pairs pass (EKD)", "mobilefacenet-half-kd-relation.cfg",
        edit={"margin_softmax": LABELS, "kd_relation": WEIGHTED},
        usual={"m": .2, "weight": 1}, choices=weights(1, 10), tuned_as="scratch"),
    "assistant": features(
        "features of the student of twice the width, taught so itself (teacher's assistant)",
        tuned_as="feature", against=("feature",), pupil_of=("assistant", 2)),
    "born-again": features(
        "features of a student of the same width, taught by features",
        tuned_as="feature", against=("feature",), pupil_of=("feature", 1)),
    "refo": features(
        "features of a teacher whose last layers have learned from a student (ReFO, our reading)",
        tuned_as="feature", against=("scratch", "feature"), pupil_of=("feature", 1), softens=True),
    # ---- candidates for the best small student: "feature" with a cosine schedule, and at most one
    # ---- further change
    "cosine": features("features, the rate falls in half a cosine", COSINE,
                       tuned_as="feature", against=("feature",)),
    "cosine-average": features("features, cosine, the average of the weights",
                               {**COSINE, "ema": .999}, tuned_as="feature",
                               against=("feature", "cosine")),
    "cosine-flips": features(
        "features, cosine, the sum of the teacher's features of the image and its mirror image",
        COSINE, flips=1, tuned_as="feature", against=("feature", "cosine")),
    "cosine-inner": features(
        "features, cosine, the teacher's last map as a second target", COSINE, usual={"inner": 8},
        add="\n[kd_feature]\nfrom=58\nlayer=58\nteacher={cfg}\nweights={weights}\n"
            "weight={inner}\n",
        tuned_as="feature", against=("feature", "cosine")),
}
HOMEWORK = ("scratch", "probability", "feature", "correlation", "exclusive")
# the default of study.py --methods
STUDY = (*HOMEWORK, "labels-feature", "correlation-groups", "adadistill", "grouped", "inherited",
         "relation")

# the methods that were tried to find the best small student
BEST = ("feature", "cosine", "cosine-average", "cosine-flips", "cosine-inner")


def filled(method, values):
    """Returns (edit, add) of a method, with values in place of the words in braces."""
    m = METHODS[method]
    edit = {section: {k: str(v).format_map(values) for k, v in options.items()}
            for section, options in m.edit.items()}
    return edit, m.add.format_map(values)


def asks(method):
    """Returns which outputs of the teacher a method reads: "features", "classes", or "" when it
    reads no outputs."""
    m = METHODS[method]
    text = m.add + "".join(str(v) for options in m.edit.values() for v in options.values())
    return "classes" if "{headed}" in text else "features" if "{cfg}" in text else ""
