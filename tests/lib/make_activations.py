"""make_activations.py - prints the table of tests/unit/test_activations.c: each activation and its
derivative at the POINTS, computed by mpmath. Formulas: ELU arXiv:1511.07289, SELU 1706.02515, Swish
1710.05941, Mish 1908.08681, hard swish and hard sigmoid 1905.02244; older functions as in
libdarknet's activations.h."""
import mpmath as m

m.mp.dps = 40
POINTS = (-7.5, -4.25, -2.75, -1.5, -.5, .25, .75, 1.5, 2.25, 5.5, 7.25)


def sigmoid(x):
    return 1 / (1 + m.exp(-x))


def pieces(*ends_and_lines):
    """Returns a piecewise linear function: slope * x + offset, for the first piece with x < end."""
    def f(x):
        for end, slope, offset in ends_and_lines:
            if x < end:
                return m.mpf(slope) * x + m.mpf(offset)
        raise ValueError(x)
    return f


def stair(x):
    """A staircase: the integer n for x in 2n..2n + 1, then a line up to n + 1 at x = 2n + 2."""
    n = m.floor(x / 2)
    return n + max(m.mpf(0), x - 2 * n - 1)


SELU = "1.0507", "1.6732"
FUNCTIONS = {
    "linear": lambda x: x,
    "relu": pieces((0, 0, 0), (m.inf, 1, 0)),
    "leaky": pieces((0, ".1", 0), (m.inf, 1, 0)),
    "prelu": pieces((0, ".3", 0), (m.inf, 1, 0)),
    "relu6": pieces((0, 0, 0), (6, 1, 0), (m.inf, 0, 6)),
    "logistic": sigmoid,
    "tanh": m.tanh,
    "elu": lambda x: x if x >= 0 else m.expm1(x),
    "selu": lambda x: m.mpf(SELU[0]) * (x if x >= 0 else m.mpf(SELU[1]) * m.expm1(x)),
    "loggy": lambda x: 2 * sigmoid(x) - 1,
    "relie": pieces((0, ".01", 0), (m.inf, 1, 0)),
    "ramp": pieces((0, ".1", 0), (m.inf, "1.1", 0)),
    "plse": pieces((-4, ".01", ".04"), (4, ".125", ".5"), (m.inf, ".01", ".96")),
    "stair": stair,
    "hardtan": pieces((-1, 0, -1), (1, 1, 0), (m.inf, 0, 1)),
    "lhtan": pieces((0, ".001", 0), (1, 1, 0), (m.inf, ".001", ".999")),
    "swish": lambda x: x * sigmoid(x),
    "mish": lambda x: x * m.tanh(m.log1p(m.exp(x))),
    "hswish": lambda x: x * min(m.mpf(6), max(m.mpf(0), x + 3)) / 6,
    "hsigmoid": lambda x: min(m.mpf(6), max(m.mpf(0), x + 3)) / 6,
    "hard_mish": lambda x: x * min(m.mpf(1), max(m.mpf(0), x / 2 + 1)),
}


def row(values):
    return "{" + ", ".join(m.nstr(v, 9) for v in values) + "}"


print("#define POINTS", len(POINTS))
print("static const float at[POINTS] = {" + ", ".join(f"{p}f" for p in POINTS) + "};")
for name, f in FUNCTIONS.items():
    points = [m.mpf(p) for p in POINTS]
    print(f"    {{DNX_{name.upper()}, {row(f(p) for p in points)},\n"
          f"     {row(m.diff(f, p, h=m.mpf(10) ** -12) for p in points)}}},")
