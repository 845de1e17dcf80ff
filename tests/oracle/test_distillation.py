"""Compares distillation with the formulas of the methods, computed by PyTorch in double."""
import os
import tempfile

from common import attempt, expect, expect_end, needed, program, run, summary

with needed():
    import numpy as np
    import torch
    from torch.nn import functional as F

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
PASSES, TOLERANCE = 3, 2e-5


def arcface(f, w, y, s, m):
    """Returns ArcFace's summed loss (Deng 2019, equation 3). m: a number, or one for each image."""
    cosines = F.normalize(f) @ F.normalize(w).T
    angle = torch.acos(cosines.gather(1, y[:, None]).squeeze(1).clamp(-1 + 1e-12, 1 - 1e-12))
    logits = s * cosines.scatter(1, y[:, None], torch.cos(angle + m)[:, None])
    return F.cross_entropy(logits, y, reduction="sum")


class AdaDistill:
    """AdaDistill. A class occurs at most once in a pass: only then the authors' rule, which moves
    the class centres, equals ours."""
    kind, options = "margin_softmax", "classes=40;margin=arcface;s=16;m=.4;centres=teacher"
    B, C, T, classes = 12, 16, 16, 40
    repeats = False

    def __init__(self, rng):
        self.state = [torch.tensor(rng.normal(0, 1, (self.classes, self.C)))]

    def loss(self, f, t, y):
        w = self.state[0]
        with torch.no_grad():
            t = F.normalize(t)
            a = F.cosine_similarity(f, t) * F.cosine_similarity(w[y], t).clamp(1e-6, 1)
            a = a.clamp(1e-6, 1)[:, None]
            w[y] = a * w[y] + (1 - a) * t
        return arcface(f, w, y, 16, .4)


class ProxylessKD(AdaDistill):
    options = "classes=40;margin=arcface;s=16;m=.4;centres=inherited"
    repeats = True

    def loss(self, f, t, y):
        return arcface(f, self.state[0], y, 16, .4)


class MarginDistillation(ProxylessKD):
    options = ("classes=40;margin=arcface;s=16;m=.5;m_least=.2;centres=inherited;margins=teacher")

    def loss(self, f, t, y):
        w = self.state[0]
        near = F.cosine_similarity(t, w[y]).clamp(min=0)
        return arcface(f, w, y, 16, .2 + (.5 - .2) / near.max() * near)


class GKD:
    """Grouped knowledge distillation (GKD). s and t: the logits of student and teacher."""
    kind, options = "kd_probability", "temperature=4;group=.93"
    B, C, T, classes = 12, 120, 120, 120
    repeats = True
    by, between, within, temperature = "student", 1, 8, 4
    state = ()

    def __init__(self, rng):
        pass

    def loss(self, s, t, y):
        order = (s if self.by == "student" else t).detach()
        mass = F.softmax(order, 1).sum(0).sort(descending=True)[0].cumsum(0)
        n = int((mass < .93 * len(s)).sum()) + 1
        first = order.scatter(1, y[:, None], torch.inf).topk(n, 1)[1]
        leads = torch.zeros_like(s).scatter(1, first, 1).bool()
        log_s, log_t = (F.log_softmax(v / self.temperature, 1) for v in (s, t))

        def two(log_p):
            return torch.stack([log_p.masked_fill(~g, -torch.inf).logsumexp(1)
                                for g in (leads, ~leads)], 1)

        def inside(v):
            return F.log_softmax((v / self.temperature).masked_fill(~leads, -1e30), 1)

        between = F.kl_div(two(log_s), two(log_t), log_target=True, reduction="sum")
        within = F.kl_div(inside(s), inside(t), log_target=True, reduction="none")
        return self.temperature ** 2 * (self.between * between
                                        + self.within * within[leads].sum())


class GKDByTeacher(GKD):
    options = "temperature=2;group=.93;group_by=teacher;group_between=3;group_within=.5"
    by, between, within, temperature = "teacher", 3, .5, 2


class EKD:
    kind, options = "kd_relation", "temperature=.1;weight=3;hardest=40"
    B, C, T, classes = 16, 12, 20, 5
    repeats = True
    rates = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

    def __init__(self, rng):
        self.state = [torch.zeros(6), torch.zeros(6), torch.zeros(1)]

    def loss(self, f, t, y):
        upper = torch.triu(torch.ones(len(y), len(y)), 1).bool()
        same = (y[:, None] == y[None])[upper]
        s, t = ((F.normalize(v) @ F.normalize(v).T)[upper] for v in (f, t))
        for side, v in zip(self.state, (s, t)):
            found = v[~same].detach().sort(descending=True)[0]
            found = found[[int(len(found) * r) for r in self.rates]]
            side += (.01 if self.state[2] else 1) * (found - side)
        self.state[2][:] = 1
        hardest = s[~same].topk(min(40, int((~same).sum())))[1]

        def apart(s, t):
            s_rank, t_rank = (torch.sigmoid((v[:, None] - a) / .1).sum(1)
                              for v, a in zip((s, t), self.state))
            return F.mse_loss(s_rank, t_rank)

        return 3 * len(y) * (.02 * apart(s[same], t[same])
                             + .01 * apart(s[~same][hardest], t[~same][hardest]))


def agrees(method):
    rng = np.random.default_rng(4)
    peer = method(rng)
    passes, blocks = [], [v.numpy().ravel().copy() for v in peer.state]
    for _ in range(PASSES):
        t = rng.normal(0, 1, (peer.B, peer.T))
        x = rng.normal(0, 1, (peer.B, peer.C)) + (t if peer.C == peer.T else 0)
        y = rng.integers(0, peer.classes, peer.B) if peer.repeats \
            else rng.permutation(peer.classes)[:peer.B]
        passes.append((x.astype(np.float32), t.astype(np.float32), y))
        blocks += [x.ravel(), t.ravel(), y]
    if peer.state:  # PyTorch starts from the float32 numbers that tool_loss reads
        for v in peer.state:
            v.copy_(v.float())
    with tempfile.TemporaryDirectory() as folder:
        fin, fout = os.path.join(folder, "in"), os.path.join(folder, "out")
        np.concatenate(blocks).astype(np.float32).tofile(fin)
        expect_end(run(program("oracle/tool_loss"), peer.kind, peer.options,
                       *map(str, (peer.B, peer.C, peer.T, PASSES)), fin, fout))
        got = np.fromfile(fout)
    for i, (x, t, y) in enumerate(passes):
        f = torch.tensor(x.astype(float), requires_grad=True)
        loss = peer.loss(f, torch.tensor(t.astype(float)), torch.tensor(y))
        loss.backward()
        loss = loss.item()
        expect(abs(got[0] - loss) < TOLERANCE * abs(loss), f"pass {i}: loss {got[0]}, not {loss}")
        want = -f.grad.numpy().ravel()
        worst = np.abs(got[1:1 + want.size] - want).max() / np.abs(want).max()
        expect(worst < TOLERANCE, f"pass {i}: gradient differs by {worst:.2e} of the largest")
        got = got[1 + want.size:]
    want = np.concatenate([v.numpy().ravel() for v in peer.state] or [np.zeros(0)])
    expect(got.size == want.size, f"{got.size} parameters, not {want.size}")
    expect(np.allclose(got, want, atol=TOLERANCE), "other parameters are left behind")


for m in AdaDistill, ProxylessKD, MarginDistillation, GKD, GKDByTeacher, EKD:
    attempt(m.__name__, agrees, m)
summary()
