"""Measures one network: identification among distractors (MegaFace's protocol), verification at low
false-match rates, and search in a watch list."""
import numpy as np

from evaluation import scores, search, statistics
from evaluation.faces import (Faces, Probes, check_once, check_one_network, equal_images,
                              templates)
from lib import fingerprints
from lib.errors import Failure

RATES = (1e-3, 1e-4, 1e-5, 1e-6)
ALARMS = (1e-1, 1e-2, 1e-3)
MOST = 100  # the largest rank in the results
LARGEST = 20_000_000  # the most impostor scores in memory, unless the highest FAR needs more


def load(inputs, network, kept, args):
    """Returns (Probes, Faces of the distractors, the images of --ignore that were found)."""
    check_once(inputs[1:])
    first, others = Faces(inputs[:1], network, kept), Faces(inputs[1:], network, kept)
    check_one_network(first.sources + others.sources)
    found = set()
    if args.ignored:
        found = first.ignore(args.ignored) | others.ignore(args.ignored)
    probes = Probes(first)
    if args.template > 1:
        if len(others) and not args.keep_equal:
            refuse_equal(probes, others, *search.search(probes.rows, others.blocks(), 1))
        templates(probes, args.template, args.template_weights == "length")
    if not len(probes.rows):
        raise Failure(f"{inputs[0]}: has no images of identities")
    return probes, others, found


def refuse_equal(probes, others, best, places):
    equal = equal_images(probes, others, best, places)
    if equal:
        raise Failure(f"{len({d for _, d in equal})} distractors are probes, too (--keep-equal "
                      "keeps them, --ignore leaves them out):"
                      + fingerprints.listed([f"{d} is {p}" for p, d in equal]))


def trials(probes):
    """Returns (probes, mates): the row numbers of all ordered pairs of two images of one person."""
    _, a, b = scores.genuine(probes.rows, probes.person)
    order = np.lexsort((np.concatenate([b, a]), np.concatenate([a, b])))
    return np.concatenate([a, b])[order], np.concatenate([b, a])[order]


def rates_of(hit, person, people):
    """Returns {"rate", "low", "high"}: the share of True in hit, with Wilson's interval over
    people. person: the person of each trial; people: the number of people."""
    errors = np.bincount(person, ~hit, people)
    n = np.bincount(person, minlength=people)
    rate = float(hit.mean())
    low, high = statistics.wilson(rate, statistics.people_trials(errors, n))
    return {"rate": rate, "low": low, "high": high}


def sizes(n):
    """Returns the powers of ten below n, from 10 on, and n."""
    return [10 ** k for k in range(1, 12) if 10 ** k < n] + [n]


def subsets(probes, others, mates, probe, draws, seed):
    """Measures identification among random subsets of the distractors. Returns [{"distractors",
    "rank1", "rank10", "rank1_error", "rank10_error", "draws"}]: for each size of a subset, the
    means and standard errors over the draws. mates: the score of each trial's two images of one
    person; probe: the row of its probe."""
    out = []
    for n in sizes(len(others))[:-1]:
        got = []
        for d in range(draws):
            places = np.random.default_rng((seed, n, d)).choice(len(others), n, replace=False)
            best, _ = search.search(probes.rows, [(0, others.take(np.sort(places)))], 10)
            r = statistics.ranks(mates, best[probe])
            got.append([float((r <= k).mean()) for k in (1, 10)])
        mean = np.mean(got, 0)
        error = np.std(got, 0, ddof=1) / draws ** .5 if draws > 1 else (None, None)
        out.append({"distractors": n, "rank1": float(mean[0]), "rank10": float(mean[1]),
                    "rank1_error": error[0], "rank10_error": error[1], "draws": draws})
    return out


def identify(probes, others, args):
    """Measures identification. Returns (the entry "identification" of the result, array with True
    for each trial that is right at rank 1, (scores, numbers) of each probe's best distractors)."""
    best, places = search.search(probes.rows, others.blocks(), min(MOST, len(others)))
    if not args.keep_equal:
        refuse_equal(probes, others, best, places)
    probe, mate = trials(probes)
    mates = np.einsum("ij,ij->i", probes.rows[probe], probes.rows[mate])
    r = statistics.ranks(mates, best[probe])
    person, people = probes.person[probe], len(probes.images)
    curve = subsets(probes, others, mates, probe, args.draws, args.seed)
    whole = {f"rank{k}": rates_of(r <= k, person, people) for k in (1, 10)}
    curve.append({"distractors": len(others), "rank1": whole["rank1"]["rate"],
                  "rank10": whole["rank10"]["rate"], "rank1_error": None, "rank10_error": None,
                  "draws": 1})
    shown = [float((r <= k).mean()) for k in range(1, best.shape[1] + 1)]
    return {"identification": dict(whole, trials=len(r), by_distractors=curve, by_rank=shown)}, \
        r == 1, (best, places)


def verify(probes, others, args):
    """Measures verification: TAR with intervals and thresholds. Returns (the entries "verification"
    and "curve" of the result, {rate: draws of TAR}, the scores of all genuine pairs)."""
    images, n = probes.images, len(others)
    pairs = statistics.impostor_pairs(images, n)
    good, a, _ = scores.genuine(probes.rows, probes.person)
    person = probes.person[a]
    need = max(args.far) * pairs
    keep = min(pairs, max(need + 2, min(scores.DEPTH * need, LARGEST)))
    tail = scores.impostors(probes.rows, probes.person, others.blocks(), keep)
    got = statistics.verification(good, tail, pairs, args.far)
    drawn = statistics.bootstrap_tar(good, person, tail, images, n, args.far, args.seed,
                                     args.bootstrap)
    out = {}
    for rate, r in got.items():
        if r:
            r["low"], r["high"] = statistics.percentiles(drawn[rate])
            above = r["false_matches"]
            r["false_match_rate"] = above / pairs
            r["false_match_low"], r["false_match_high"] = statistics.wilson(
                above / pairs, statistics.pair_trials(tail[1][:above], tail[2][:above], images, n))
        out[statistics.rate_name(rate)] = r
    return {"verification": {"genuine_pairs": len(good), "impostor_pairs": pairs,
                             "people_with_pairs": int((images > 1).sum()), "tar_at_far": out},
            "curve": curve_of(good, tail[0], pairs)}, drawn, good


def curve_of(genuine, falling, pairs, points=60):
    """Returns [(false-match rate, TAR)]. falling: the largest scores of the `pairs` impostor pairs,
    from the largest down."""
    reach = len(falling) - 1 if len(falling) < pairs else len(falling)
    if reach <= statistics.FEWEST or not len(genuine):
        return []
    rising, out = np.sort(genuine), []
    for k in np.unique(np.geomspace(statistics.FEWEST, reach, points).astype(int)):
        threshold, above = statistics.threshold_at(falling, k / pairs, pairs)
        if threshold is not None and above:
            out.append((above / pairs, statistics.share_above(rising, threshold)))
    return out


def watch(probes, others):
    own, other, alarms, has_more = search.watch_list(probes.rows, probes.person, others.blocks())
    got = statistics.open_set(own, other, alarms, ALARMS)
    for r in got.values():
        if r:
            hit = rates_of(~r.pop("missed"), probes.person[has_more], len(probes.images))
            r["low"], r["high"] = (None if v is None else 1 - v for v in (hit["high"], hit["low"]))
    return {"open_set": {"searches": len(own), "strangers": len(alarms),
                         "listed": len(probes.images),
                         "fnir_at_fpir": {statistics.rate_name(r): v for r, v in got.items()}}}


def measure(probes, others, args):
    """Measures one network. Returns (result, private). private: the arrays that comparisons and
    pictures need."""
    if not (probes.images > 1).any():
        raise Failure("no identity has two images: there is nothing to recognise anybody by")
    result, private = {}, {"person": None}
    if len(others):
        part, right, best = identify(probes, others, args)
        result.update(part)
        private.update(right=right, best=best, person=probes.person[trials(probes)[0]])
    part, drawn, good = verify(probes, others, args)
    result.update(part)
    result.update(watch(probes, others))
    private.update(drawn=drawn, genuine=good, sample=scores.sample(
        probes.rows, probes.person, others, args.seed))
    return result, private
