"""What watching costs, in one run: idle steps, recorded steps, budgets, and what others cost.

    python benchmarks/overhead.py                  # says how long it takes here
    python benchmarks/overhead.py --quick          # at most two minutes, and noisier
    python benchmarks/overhead.py --device cuda    # the same on a GPU
    python benchmarks/overhead.py --markdown       # and into the tables of docs/cost.md

For each network and way of watching, blocks of unwatched and watched steps alternate in the same
process (which comes first alternates too), each block on a fresh copy of the network; the tables
show the median of the paired ratios of CPU time, on a GPU of the time until it is done. Attaching
and detaching happen once a run and are left out. *Hooks* are plain module hooks that compute the
same per-unit sums: what one would write by hand. The others are in peers.py; where they are not
installed, they are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from peers import PEERS, Watching, missing, module_hooks
from rows import Rows, announce, tracked, write_section
from torch import Tensor, nn

import lifesigns

os.environ.setdefault("LIFESIGNS_KERNEL", "now")  # as from the second run on a machine
PAGE = Path(__file__).parents[1] / "docs" / "cost.md"
NEVER = 10**9
"""`every` of a watcher that records its first steps only."""
WARM = 5
"""Steps before the clock starts: what happens once is not a step's price."""


@dataclass(frozen=True)
class Workload:
    """A network with one batch for it."""

    name: str
    model: nn.Module
    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(cls, name: str, model: nn.Module, *shape: int, device: str) -> Workload:
        inputs = torch.randn(64, *shape, device=device)
        return cls(name, model.to(device), inputs, torch.randint(3, (64,), device=device))


@dataclass(frozen=True)
class Mode:
    """A way of watching."""

    name: str
    watch: Watching
    warm: int = WARM
    """0 counts the first steps, which are always recorded."""
    long: bool = False
    """A block lasts some seconds, because what it costs is spread over as many."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: pairs of blocks, steps of a short block, seconds of a long one."""

    pairs: int
    steps: int
    seconds: float

    def steps_of(self, mode: Mode, one: float) -> int:
        """Steps in a block of steps that last `one` second each, unwatched."""
        return max(self.steps, round(self.seconds / one)) if mode.long else self.steps


FULL, QUICK, SMOKE = Effort(7, 60, 2.5), Effort(2, 8, 0.2), Effort(1, 2, 0.0)


def workloads(device: str) -> list[Workload]:
    of = partial(Workload.of, device=device)
    return [
        of("MLP 32-32-32-10", mlp(32, 32, 32, 10), 32),
        of("20-layer MLP", mlp(32, *[32] * 19, 10), 32),
        of("MLP 784-512-512-10", mlp(784, 512, 512, 10), 784),
        of("small CNN", cnn(), 1, 28, 28),
        of("small transformer", Transformer(), 16, 64),
    ]


def watching(name: str, *, warm: int = WARM, long: bool = False, **options: float) -> Mode:
    return Mode(name, partial(lifesigns.watch, **options), warm, long)


IDLE = watching("idle", every=NEVER)
RECORDED = [
    watching("lifesigns", every=1),
    Mode("hooks", module_hooks),
    *(Mode(name, watch) for name, watch in PEERS.items()),
]
BUDGETS = [
    watching(f"{budget:.1%}", budget=budget, warm=0, long=True) for budget in (0.001, 0.01, 0.1)
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


def seconds(workload: Workload, steps: int, mode: Mode | None, warm: int = WARM) -> float:
    """Time of so many training steps on a fresh copy of the network."""
    torch.manual_seed(0)
    model = copy.deepcopy(workload.model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    with mode.watch(model, optimizer) if mode else contextlib.nullcontext():
        for step in range(warm + steps):
            if step == warm:
                start = now(workload)
            loss = loss_fn(model(workload.inputs), workload.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return now(workload) - start


def now(workload: Workload) -> float:
    """CPU time; on a GPU, which the processor does not wait for, the time when it is done."""
    if workload.inputs.is_cuda:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def paired(workload: Workload, mode: Mode, effort: Effort) -> tuple[float, float]:
    """Medians over alternating blocks: watched ÷ unwatched, and seconds of an unwatched step."""
    one = seconds(workload, effort.steps, None) / effort.steps
    steps = effort.steps_of(mode, one)
    seconds(workload, WARM, mode)  # what is imported or cached once is not the step's price
    pairs = []
    for i in range(effort.pairs):
        order = (None, mode) if i % 2 else (mode, None)
        pairs.append({way: seconds(workload, steps, way, mode.warm) for way in order})
    ratio = statistics.median(pair[mode] / pair[None] for pair in pairs)
    return ratio, statistics.median(pair[None] for pair in pairs) / steps


def estimate(cells: Sequence[tuple[Workload, Mode]], effort: Effort) -> float:
    """Seconds that all of it takes here, by the clock, from a few steps of each."""
    whole = 0.0
    for workload, mode in cells:
        start = time.perf_counter()
        plain = seconds(workload, 3, None, 0) / 3
        watched = seconds(workload, 3, mode, 0) / 3
        busy = 3 * (plain + watched) / (time.perf_counter() - start)  # others use this machine too
        steps = effort.steps_of(mode, plain) + WARM
        of_watched = plain if mode.long or mode is IDLE else watched
        whole += effort.pairs * steps * (plain + of_watched) / max(busy, 0.1)
    return whole


def idle(workload: Workload, effort: Effort) -> Rows:
    rows = Rows("An idle step", ("network", "step, µs", "watching, µs", "%"))
    longer = Effort(effort.pairs, 10 * effort.steps, 0)
    ratio, one = paired(workload, IDLE, longer)
    added = ratio - 1
    rows.add(workload.name, f"{1e6 * one:.0f}", f"{1e6 * one * added:.1f}", f"{100 * added:.1f}")
    return rows


def table(
    title: str,
    modes: Sequence[Mode],
    nets: Sequence[Workload],
    effort: Effort,
    shown: Callable[[float], str],
) -> Rows:
    """One row for each network, one column for each way of watching it."""
    rows = Rows(title, ("network", *(mode.name for mode in modes)))
    for workload in tracked(nets):
        rows.add(workload.name, *(shown(paired(workload, mode, effort)[0]) for mode in modes))
    return rows


def machine(device: str) -> str:
    """What the numbers were measured on."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(names, platform.processor() or platform.machine())
    if device != "cpu":
        name = f"{torch.cuda.get_device_name(device)}, {name}"
    return f"{name}, torch {torch.__version__}, one thread"


def measured(device: str, effort: Effort) -> dict[str, Rows]:
    """All tables, by the name of their section in the page."""
    small = Workload.of("MLP 32-32-3", mlp(32, 32, 3), 32, device=device)
    nets = workloads(device)
    announce(estimate([(small, IDLE), *((n, m) for n in nets for m in RECORDED + BUDGETS)], effort))
    print(missing())
    return {
        "idle": idle(small, effort),
        "recorded": table(
            "Every step recorded: watched ÷ unwatched", RECORDED, nets, effort, "{:.2f}".format
        ),
        "budgets": table(
            "What a budget costs, %", BUDGETS, nets, effort, lambda x: f"{100 * (x - 1):.2f}"
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter blocks")
    parser.add_argument("--smoke", action="store_true", help="a few steps: does it run at all?")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--markdown", action="store_true", help=f"also into docs/{PAGE.name}")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    effort = SMOKE if asked.smoke else QUICK if asked.quick else FULL
    tables = measured(asked.device, effort)
    if asked.markdown:
        for name, rows in tables.items():
            write_section(PAGE, name, rows.markdown())
        write_section(PAGE, "machine", machine(asked.device))


if __name__ == "__main__":
    main()
