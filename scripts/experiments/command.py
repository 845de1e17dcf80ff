"""The command line of all scripts that train on faces: their options, and the lock of --out."""
import contextlib

from experiments.data import check_paths
from lib.arguments import each, path, real, whole, words
from lib.errors import run_main
from lib.lock import folder_lock
from lib.processes import darknet


def add_data_options(p, out):
    """Adds the options of data and training to the parser p. out: the default of --out."""
    p.add_argument("--out", type=path, default=out, metavar="DIR",
                   help=f"the folder of all results; default {out}")
    p.add_argument("--faces", type=path, metavar="DIR",
                   help="a folder of identity folders, aligned faces")
    p.add_argument("--unlabelled", type=each(path), default=[], metavar="DIR,DIR",
                   help="more faces, for the losses without labels")
    p.add_argument("--lfw", type=path, metavar="DIR", help="the faces of the pairs")
    p.add_argument("--pairs", type=path, metavar="FILE", help="LFW's pairs.txt")
    p.add_argument("--teacher-cfg", type=path, metavar="CFG",
                   help="a teacher that is trained already")
    p.add_argument("--teacher-weights", type=path, metavar="FILE")
    p.add_argument("--batch", type=whole(1, 65536), default=64)
    p.add_argument("--batches", type=whole(1), default=700, help="updates of each student")
    p.add_argument("--rate", type=real(above=0), default=.05, help="learning rate at the start")
    p.add_argument("--size", type=whole(32, 512), help="pixels of the networks' input; default 112 "
                   "for real faces, 56 for synthetic ones")
    p.add_argument("--identities", type=whole(2, 1000000), default=300,
                   help="synthetic identities to train on; default 300")
    p.add_argument("--images", type=whole(1, 100000), default=30, help="images of each identity")
    p.add_argument("--synthetic-pairs", type=whole(20, 200000), default=6000, help="pairs of "
                   "other people, for the test; four images of each; TAR counts all pairs of these "
                   "images; default 6000")
    p.add_argument("--threads", type=whole(0, 64), default=0,
                   help="threads of training; 0: all processors")
    p.add_argument("--force", action="store_true", help="train again a network that was made from "
                   "other inputs; the old one is kept under another name")
    p.add_argument("--any-build", action="store_true",
                   help="keep networks that another build of darknet has trained; study.py joins "
                   "them with others in a row")
    # defaults of arguments that only some scripts have as options
    p.set_defaults(cache=True, pictures=True, every_pair=False, any_results=False, is_short=False,
                   given={}, where="held-out identities", plan=False, test=[], probes=None,
                   development_faces=None, development_pairs=None, choose_width=None,
                   choose_batches=None, choose_seeds=None)


def add_run_options(p, known, methods, widths, seeds, teacher_batches):
    """Adds the options of runs. known: the names of all methods. The arguments after `known` are
    the defaults of the options."""
    p.add_argument("--methods", type=words(known), default=list(methods), metavar="A,B",
                   help=", ".join(known))
    p.add_argument("--widths", type=each(real(above=0, most=16)), default=widths, metavar="W,W")
    p.add_argument("--seeds", type=each(whole(0)), default=seeds, metavar="N,N")
    p.add_argument("--teacher-batches", type=whole(1), default=teacher_batches,
                   help="updates of a teacher that is not given")
    p.add_argument("--only", action="append", default=[], metavar="PATTERN",
                   help="only runs whose name matches, such as 'feature-0.25-*'")
    p.add_argument("--plan", action="store_true", help="only print the runs and their hours")


def finish(p, args, work, *more):
    """Checks the arguments and calls work(args, *more). Returns the exit status."""
    if args.faces and not (args.lfw and args.pairs):
        p.error("--faces needs --lfw and --pairs")
    if bool(args.teacher_cfg) != bool(args.teacher_weights):
        p.error("--teacher-cfg and --teacher-weights go together")
    if not args.faces and args.synthetic_pairs % 20:
        p.error(f"--synthetic-pairs {args.synthetic_pairs}: must be a multiple of 20")
    if args.unlabelled and not args.faces:
        p.error("--unlabelled needs --faces")
    args.size = args.size or (112 if args.faces else 56)

    def locked():
        darknet()
        check_paths(args)
        # --plan writes nothing, so it needs no lock
        with contextlib.nullcontext() if args.plan else folder_lock(args.out):
            return work(args, *more)

    return run_main(locked, again=True)
