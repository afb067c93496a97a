"""What watching costs: CPU time of a training step, watched ÷ unwatched, in one run.

    python benchmarks/overhead.py            # about ten minutes
    python benchmarks/overhead.py --quick    # fewer pairs, about four minutes

For each network and mode, blocks of unwatched and watched steps alternate in the same process
(which comes first alternates too), each block on a fresh copy of the network; the table shows the
median of the paired ratios. Attaching and detaching happen once a run and are left out. *Hooks* are
plain module hooks that compute the same per-unit sums at every step: what one would write by hand.

The last column trains 500 recorded steps and shows by how much the process's peak memory grew after
the first 50; the snapshots themselves are kept, a few arrays for each unit and step.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn

import lifesigns

Watching = Callable[[nn.Module, torch.optim.Optimizer], contextlib.AbstractContextManager[object]]


@dataclass(frozen=True)
class Workload:
    """A network with one batch for it."""

    name: str
    model: nn.Module
    inputs: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Mode:
    """A way of watching, and how many steps make a block of it."""

    name: str
    watch: Watching
    seconds: float = 0.0
    """A block lasts about this long unwatched, but at least 60 steps."""


def workloads() -> list[Workload]:
    labels = torch.randint(10, (64,))
    return [
        Workload("tiny MLP 16-16-10", mlp(16, 16, 10), torch.randn(64, 16), labels),
        Workload("20-layer MLP", mlp(32, *[32] * 19, 10), torch.randn(64, 32), labels),
        Workload("MLP 784-512-512-10", mlp(784, 512, 512, 10), torch.randn(64, 784), labels),
        Workload("small CNN", cnn(), torch.randn(64, 1, 28, 28), labels),
        Workload("small transformer", Transformer(), torch.randn(64, 16, 64), labels),
    ]


def modes() -> list[Mode]:
    return [
        Mode("hooks", module_hooks),
        *(Mode(f"every={n}", partial(lifesigns.watch, every=n), 0.3) for n in (1, 10, 50)),
        Mode("budget 1 %", lifesigns.watch, 2.5),
    ]


def mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 49, 10)),
    )


class Transformer(nn.Module):
    """Two encoder layers over sixteen tokens, mean pooling, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            64, nhead=4, dim_feedforward=128, activation=nn.ReLU(), batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(64, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.encoder(tokens).mean(dim=1))


@contextlib.contextmanager
def module_hooks(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Forward and backward hooks on activation modules that compute the recorder's unit sums."""
    kept: dict[object, tuple[Tensor, ...]] = {}

    def sums(x: Tensor, quiet: Tensor) -> tuple[Tensor, ...]:
        units = 1 if x.dim() == 4 else -1  # channels of pictures, else the last dimension
        rows = x.detach().movedim(units, -1).flatten(0, -2).float()
        return (
            *(rows.sum(0), rows.square().sum(0), (rows != 0).sum(0)),
            *(rows.amin(0), rows.amax(0), (~rows.isfinite()).sum(0), quiet.sum()),
        )

    def forward(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        kept[module, "value"] = sums(output, output == 0)

    def backward(
        module: nn.Module, passed: tuple[Tensor, ...], arrived: tuple[Tensor, ...]
    ) -> None:
        kept[module, "arrived"] = sums(arrived[0], arrived[0] == 0)
        kept[module, "passed"] = sums(passed[0], passed[0].abs() < 0.01 * arrived[0].abs())

    def norms(stepping: torch.optim.Optimizer, *_: object) -> None:
        for group in stepping.param_groups:
            for parameter in group["params"]:
                kept[parameter] = (parameter.detach().norm(), parameter.grad.norm())

    sites = [m for m in model.modules() if isinstance(m, nn.ReLU)]
    handles = [
        *(m.register_forward_hook(forward) for m in sites),
        *(m.register_full_backward_hook(backward) for m in sites),
        optimizer.register_step_pre_hook(norms),
    ]
    yield
    for handle in handles:
        handle.remove()


def seconds(workload: Workload, steps: int, watch: Watching | None) -> float:
    """CPU time of so many training steps on a fresh copy of the network."""
    torch.manual_seed(0)
    model = copy.deepcopy(workload.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    with watch(model, optimizer) if watch else contextlib.nullcontext():
        start = time.process_time()
        for _ in range(steps):
            loss = loss_fn(model(workload.inputs), workload.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.process_time() - start


def ratio(workload: Workload, mode: Mode, pairs: int) -> float:
    """Median of watched ÷ unwatched over alternating blocks."""
    one = seconds(workload, 30, None) / 30
    steps = max(60, round(mode.seconds / one))
    seconds(workload, 10, mode.watch)  # what is imported or cached once is not the step's price
    ratios = []
    for i in range(pairs):
        order = (None, mode.watch) if i % 2 else (mode.watch, None)
        taken = {watch: seconds(workload, steps, watch) for watch in order}
        ratios.append(taken[mode.watch] / taken[None])
    return statistics.median(ratios)


def growth(workload: Workload) -> float:
    """Growth of the process's peak memory over 450 recorded steps after the first 50, in MiB."""
    every_step = partial(lifesigns.watch, every=1)
    seconds(workload, 50, every_step)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds(workload, 500, every_step)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak - before) / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer pairs of blocks")
    pairs = 3 if parser.parse_args().quick else 7
    torch.set_num_threads(1)
    torch.manual_seed(0)

    table = Table(title=f"watched ÷ unwatched, CPU time (torch {torch.__version__}, one thread)")
    for column in ("network", *(mode.name for mode in modes()), "memory growth"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for workload in track(workloads(), console=Console(stderr=True)):
        ratios = [f"{ratio(workload, mode, pairs):.3f}" for mode in modes()]
        table.add_row(workload.name, *ratios, f"{growth(workload):.1f} MiB")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
