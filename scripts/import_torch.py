#!/usr/bin/python3
"""Converts the weights of a PyTorch network to the .weights file of one of our cfg files.

    scripts/import_torch.py NET.cfg STATE.pth OUT.weights
    scripts/import_torch.py --keys STATE.pth

STATE.pth is a state dict that torch.save wrote, or a checkpoint that contains a state dict. PyTorch
is not needed. The modules fill the layers of the cfg one after another, in the order of the file.
The model's code defines the modules in this order.

    [convolutional] [depthwise] [global_depthwise] [connected]   a Conv2d or a Linear, with
        batch_normalize=1 then a BatchNorm, with activation=prelu then a PReLU
    [depthwise] size=1 batch_normalize=1   also a BatchNorm alone, as iresnet has
    [activation] activation=prelu          a PReLU alone

Shapes must be equal. The inputs of a Linear after a flattened map keep their order: channel, row,
column. Modules that are left over (a classifier, for example) are listed. A layer without a module
is an error, except for losses at the end, which training starts with random weights. If the model's
code defines modules in another order than it runs them, write their names in the right order into a
file, one in each line, and use --order FILE."""
import sys

from lib.errors import Failure, needs, run_main

needs("numpy")
from exchange.torch_file import read_state
from exchange.torch_match import Layer, match, modules_of, ordered, text_of
from lib import files
from lib.arguments import command_line, real
from lib.darknet_files import BN_EPS, weights_bytes
from lib.processes import checked


def show_keys(path, part):
    state = read_state(path, part)
    width = max(map(len, state))
    for key, tensor in state.items():
        print(f"{key:{width}}  {text_of(tensor.shape):20}  {tensor.storage.kind}")


def show(matched, left, others, empty, json_net, eps, out):
    print(f"layer  {'section':18}{'floats':>10}  modules")
    for layer, taken in matched:
        alone = " (filters of 1)" if layer.kinds[0] == "filters" and taken[0].kind == "bn" else ""
        print(f"{layer.number:5}  {layer.section:18}{sum(layer.counts.values()):10,}  "
              f"{', '.join(m.name for m in taken)}{alone}")
    for module in left + others:
        for field, tensor in module.fields.items():
            print(f"   not used: {module.name}{'.' * bool(module.name)}{field}, "
                  f"{text_of(tensor.shape)}")
    for layer in empty:
        print(f"   not filled: {layer.where}, gets initial values in training")
    net = json_net["net"]
    print(f"batch norm: eps {eps:g}" + (" (state dicts do not tell it: --eps)" if eps == BN_EPS else
                                        ", carried over by the scales"))
    print(f"input: RGB, (pixel - {net['input_mean']:g}) * {net['input_scale']:.6g}, as the cfg "
          "says: the model in PyTorch must have had the same")
    print(f"{out}: {sum(sum(l.counts.values()) for l, _ in matched):,} floats of "
          f"{sum(len(m) for _, m in matched)} modules")


def bring(cfg, state, out, part=None, order=None, eps=BN_EPS, force=False):
    files.refuse_replacing({"weights": out}, force, cfg, state)
    told = checked(cfg)
    layers = [Layer(cfg, l) for l in told["layers"] if l["params"]]
    modules, others = modules_of(read_state(state, part)), []
    if order:
        modules, others = ordered(order, modules)
    matchable = [m for m in modules if m.kind]
    if order and len(matchable) < len(modules):
        raise Failure(f"{order}: {next(m.name for m in modules if not m.kind)} is no Conv2d, "
                      "Linear, BatchNorm or PReLU")
    others += [m for m in modules if not m.kind]
    try:
        matched, left, empty = match(layers, matchable)
        numbers = [a for layer, taken in matched for a in layer.fill(taken, eps)]
    except Failure as e:
        raise Failure(f"{state}: {e}") from e
    files.write(out, weights_bytes(numbers))
    show(matched, left, others, empty, told, eps, out)


def main():
    parser = command_line(__doc__)
    parser.add_argument("files", nargs="+", metavar="NET.cfg STATE.pth OUT.weights")
    parser.add_argument("--keys", action="store_true",
                        help="print the content of STATE.pth, and end")
    parser.add_argument("--part", metavar="KEY",
                        help="the key of the weights in a checkpoint with several dicts")
    parser.add_argument("--order", metavar="FILE", help="the modules' names in the cfg's order")
    parser.add_argument("--eps", type=real(above=0, most=1), default=BN_EPS,
                        help="eps of the model's batch norms; default 0.00001, as in PyTorch")
    parser.add_argument("--force", action="store_true", help="replace OUT.weights")
    args = parser.parse_args()
    if len(args.files) != (1 if args.keys else 3):
        parser.error("--keys takes one file" if args.keys
                     else "needs NET.cfg STATE.pth OUT.weights")
    if args.keys:
        return run_main(show_keys, args.files[0], args.part)
    return run_main(bring, *args.files, args.part, args.order, args.eps, args.force)


if __name__ == "__main__":
    sys.exit(main())
