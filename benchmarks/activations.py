"""What an activation costs: CPU time of forward and backward ÷ that of ReLU, in one run.

    python benchmarks/activations.py            # about two minutes
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
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from lifesigns.functions import ACTIVATIONS, modules
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15, help="pairs of blocks for each function")
    parser.add_argument("--save", action="store_true", help="let `lifesigns functions` show it")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    x, relu = torch.randn(ROWS, UNITS, requires_grad=True), nn.ReLU()
    seconds(relu, x)
    entries = [activation for activation in ACTIVATIONS.values() if activation.code]
    relative = {
        entry.name: round(ratio(built(entry.code), relu, x, options.pairs), 2)
        for entry in track(entries, console=Console(stderr=True))
    }
    measured = Measured(f"{processor()}, torch {torch.__version__}, one thread", relative)

    table = Table(title=f"forward and backward ÷ ReLU ({measured.machine})")
    table.add_column("activation")
    table.add_column("cost", justify="right")
    for name, cost in sorted(relative.items(), key=lambda item: item[1]):
        table.add_row(name, f"{cost:.2f}")
    Console(width=100).print(table)
    if options.save:
        print(f"saved in {measured.save()}", file=sys.stderr)


if __name__ == "__main__":
    main()
