"""What an activation costs: CPU time of forward and backward ÷ that of ReLU, in one run.

    python benchmarks/activations.py            # says how long it takes here; --quick: a minute
    python benchmarks/activations.py --save     # and `lifesigns functions` shows it from then on

Blocks of ReLU and of the other function alternate on the same 256 x 512 preactivations; the table
shows the median of the paired ratios. In a network the linear maps cost far more than either: a
factor of 3 here is a few per cent of a training step. Gates and maxout are measured without the
weights that they need in addition.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rows import Rows, announce, tracked
from torch import nn

from lifesigns.functions import ACTIVATIONS, Activation, modules
from lifesigns.functions.cost import Measured

ROWS, UNITS = 256, 512
BLOCK = 40
"""Calls in a block."""


def seconds(function: nn.Module, x: torch.Tensor) -> float:
    """CPU time of one block of forward and backward."""
    ones = torch.ones_like(function(x))
    start = time.process_time()
    for _ in range(BLOCK):
        function(x).backward(ones)
        x.grad = None
    return time.process_time() - start


def ratio(function: nn.Module, relu: nn.Module, x: torch.Tensor, pairs: int) -> float:
    """Median of function ÷ ReLU over alternating blocks."""
    seconds(function, x)
    return statistics.median(seconds(function, x) / seconds(relu, x) for _ in range(pairs))


def built(code: str) -> nn.Module:
    """The module that an entry's code makes."""
    return eval(code, {"nn": nn, **vars(modules)})


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def estimate(entries: Sequence[Activation], x: torch.Tensor, pairs: int) -> float:
    """Seconds that all takes here, by the clock, from two calls of each."""
    start = time.perf_counter()
    for entry in entries:
        function = built(entry.code)
        function(x).backward(torch.ones_like(function(x)))
    return (time.perf_counter() - start) / 2 * 2 * BLOCK * pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15, help="pairs of blocks for each function")
    parser.add_argument("--quick", action="store_true", help="two pairs")
    parser.add_argument("--save", action="store_true", help="let `lifesigns functions` show it")
    options = parser.parse_args()
    pairs = 2 if options.quick else options.pairs
    torch.set_num_threads(1)
    torch.manual_seed(0)

    x, relu = torch.randn(ROWS, UNITS, requires_grad=True), nn.ReLU()
    seconds(relu, x)
    entries = [activation for activation in ACTIVATIONS.values() if activation.code]
    machine = f"{processor()}, torch {torch.__version__}, one thread"
    announce(estimate(entries, x, pairs))
    rows = Rows(f"forward and backward ÷ ReLU ({machine})", ("activation", "cost"))
    relative = {}
    for entry in tracked(entries):
        relative[entry.name] = round(ratio(built(entry.code), relu, x, pairs), 2)
        rows.add(entry.name, f"{relative[entry.name]:.2f}")
    if options.save:
        print(f"saved in {Measured(machine, relative).save()}", file=sys.stderr)


if __name__ == "__main__":
    main()
