"""How the cost of watching grows: CPU time of a recorded step against what is made larger.

    python benchmarks/growth.py            # three to five minutes; also draws docs/growth.svg
    python benchmarks/growth.py --quick    # fewer and smaller sizes, one to two minutes

Each row is one size: the median CPU time of a plain step, and how much a recorded one (every=1)
takes beyond it, blocks of both alternating on one network. The exponent of a curve is the slope of
that cost in a log-log picture: 1 means in proportion, less means that a fixed part is shared. Then
follow four large runs, one process each: 2,000 residual blocks, an embedding of 2,000,000 rows, a
layer of 1,000,000 units, and 10,000 recorded steps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lifesigns
from lifesigns.report import figures

PICTURE = Path(__file__).parents[1] / "docs" / "growth.svg"
WORK = {True: 250, False: 700}
"""What the benchmark takes, in units of `unit_of_work`: quick and whole."""
NOISE = 0.02
"""What is below this share of a plain step cannot be told from it, and has no place in a curve."""


class Block(nn.Module):
    """A residual block: normalised, bent, mapped, added."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.norm, self.map = nn.LayerNorm(width), nn.Linear(width, width)
        nn.init.normal_(self.map.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.map(self.norm(x).relu())


class Words(nn.Module):
    """An embedding whose rows are averaged, and a linear layer."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(rows, 16), nn.Linear(16, 10)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.table(tokens).mean(1))


class Training:
    """A network, a batch for it, and plain descent."""

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self.model, self.inputs = model, inputs
        self.labels = torch.randint(10, (len(inputs),))
        self.optimizer = torch.optim.SGD(model.parameters(), 1e-4)

    def steps(self, number: int) -> float:
        """Trains; the CPU time of one step."""
        start = time.process_time()
        for _ in range(number):
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(self.inputs), self.labels).backward()
            self.optimizer.step()
        return (time.process_time() - start) / number

    def watched(self, number: int) -> float:
        """The same, each step recorded; the first ones, which are asked more, are left out."""
        watcher = lifesigns.watch(self.model, self.optimizer, every=1)
        self.steps(3)
        taken = self.steps(number)
        watcher.detach()
        return taken


def residual(blocks: int) -> Training:
    body = [Block() for _ in range(blocks)]
    return Training(nn.Sequential(nn.Linear(8, 16), *body, nn.Linear(16, 10)), torch.randn(32, 8))


def layer(units: int, batch: int = 64) -> Training:
    model = nn.Sequential(nn.Linear(32, units), nn.ReLU(), nn.Linear(units, 10))
    return Training(model, torch.randn(batch, 32))


def words(rows: int) -> Training:
    return Training(Words(rows), torch.randint(rows, (64, 20)))


def square(parameters: int) -> Training:
    width = round(parameters**0.5)
    return Training(nn.Sequential(nn.Linear(width, width), nn.ReLU()), torch.randn(16, width))


@dataclass(frozen=True)
class Curve:
    """One size that grows, and the trainings of these sizes."""

    name: str
    make: Callable[[int], Training]
    sizes: tuple[int, ...]


CURVES = (
    Curve("depth (residual blocks)", residual, (16, 32, 64, 128, 256, 512)),
    Curve("width (units)", layer, (256, 1024, 4096, 16_384, 65_536)),
    Curve("batch (samples)", lambda n: layer(256, n), (64, 256, 1024, 4096, 16_384)),
    Curve("parameters (square layer)", square, (4**5, 4**7, 4**9, 4**10, 4**11)),
    Curve("parameters (embedding rows × 16)", words, (10_000, 50_000, 250_000, 1_000_000)),
)


def costs(training: Training, pairs: int) -> tuple[float, float]:
    """CPU time of a plain step, and what a recorded one takes beyond it: medians over pairs."""
    one = training.steps(2)
    number = max(4, min(30, round(0.1 / one)))
    pairs_of = [(training.steps(number), training.watched(number)) for _ in range(pairs)]
    plain = statistics.median(plain for plain, _ in pairs_of)
    return plain, statistics.median(w - p for p, w in pairs_of)


def exponent(sizes: list[int], extra: list[float]) -> float:
    """Slope of the cost in a log-log picture, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(extra), 1)[0])


def measure(curve: Curve, *, quick: bool) -> list[dict[str, object]]:
    """Prints a row for each size, then the exponent; the rows for the picture."""
    sizes = list(curve.sizes[:-1] if quick else curve.sizes)
    say(f"\n{curve.name:34} {'plain ms':>9} {'watching ms':>12} {'ratio':>6}")
    extra = {}
    for size in sizes:
        torch.manual_seed(0)
        plain, beyond = costs(curve.make(size), pairs=3 if quick else 5)
        say(f"{size:34,} {1e3 * plain:9.2f} {1e3 * beyond:12.2f} {1 + beyond / plain:6.2f}")
        if beyond > NOISE * plain:
            extra[size] = beyond
    slope = exponent(list(extra), list(extra.values()))
    say(f"{'exponent':34} {slope:22.2f}")
    name = f"{curve.name}: {slope:.2f}"
    return [
        {"size": size, "ms of CPU time": 1e3 * ms, "what grows, and its exponent": name}
        for size, ms in extra.items()
    ]


# --- large runs, each in a process of its own -----------------------------------------------------
def peak() -> float:
    """The most memory this process has had, in MiB.

    Linux hands `ru_maxrss` on to a new process from the one that starts it; `VmHWM` is its own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = (line.split() for line in status.read_text().splitlines())
        return next(int(words[1]) / 1024 for words in lines if words[0] == "VmHWM:")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1024**2 if sys.platform == "darwin" else 1024)


def deep(blocks: int) -> str:
    training = residual(blocks)
    plain = training.steps(2)
    watcher = lifesigns.watch(training.model, training.optimizer, every=1)
    training.steps(1)
    watched = training.steps(2)
    start = time.process_time()
    text = str(watcher.detach())
    taken = time.process_time() - start
    steps = f"a step {plain:.2f} s, recorded {watched:.2f} s"
    return f"{steps}; judged and reported ({len(text)} characters) in {taken:.2f} s"


def table(rows: int) -> str:
    training = words(rows)
    training.steps(2)
    plain, beyond = costs(training, pairs=3)
    return f"recorded ÷ plain {1 + beyond / plain:.2f}"


def wide(units: int) -> str:
    training = layer(units, batch=16)
    training.steps(3)
    before = peak()
    training.watched(3)
    return f"peak memory {before:.0f} MiB plain, {peak():.0f} MiB recorded"


def long(steps: int) -> str:
    training = layer(16)
    watcher = lifesigns.watch(training.model, training.optimizer, every=1)
    training.steps(2000)
    before = peak()
    training.steps(steps - 2000)
    growth = peak() - before
    recorded = watcher.trace.recorded
    return f"{recorded:,} recorded; memory grew by {growth:.1f} MiB after the first 2,000"


RUNS: dict[str, tuple[Callable[[int], str], int, int]] = {
    "residual blocks": (deep, 2000, 2000),
    "rows of an embedding": (table, 2_000_000, 2_000_000),
    "units of a layer": (wide, 1_000_000, 1_000_000),
    "recorded steps": (long, 10_000, 4_000),
}
"""By what is large: the run, its size, and its size with `--quick`."""


def apart(run: Callable[[int], str], size: int) -> str:
    """What a run tells, from a fresh process: the peak of memory is a process's own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return pool.submit(run, size).result()


def unit_of_work() -> float:
    """Seconds that twenty recorded steps of a small network take on this machine."""
    training = layer(64)
    training.watched(5)
    start = time.perf_counter()
    training.watched(20)
    return time.perf_counter() - start


def cpu_time() -> float:
    """Seconds that this process and those of the large runs have computed."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller sizes")
    parser.add_argument("--svg", type=Path, help=f"where to draw the picture ({PICTURE.name})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began, expected = time.perf_counter(), WORK[arguments.quick] * unit_of_work()
    say(f"This takes about {max(expected / 60, 0.5):.1f} min here (torch {torch.__version__}).")
    rows = [row for curve in CURVES for row in measure(curve, quick=arguments.quick)]
    say("")
    for what, (run, size, small) in RUNS.items():
        chosen = small if arguments.quick else size
        say(f"{chosen:,} {what}: {apart(run, chosen)}")
    picture = arguments.svg or (None if arguments.quick else PICTURE)
    if picture is not None:
        figures.save(drawn(rows), picture)
    say(f"\ntook {(time.perf_counter() - began) / 60:.1f} min, {cpu_time() / 60:.1f} of CPU time")


def drawn(rows: list[dict[str, object]]) -> figures.Spec:
    return figures.lines(
        rows,
        "size",
        "ms of CPU time",
        by="what grows, and its exponent",
        title="What recording a step takes, beyond the step",
        subtitle="Everything is recorded (every=1); an exponent of 1 means in proportion.",
        logarithmic_x=True,
        logarithmic_y=True,
        points=True,
    )


if __name__ == "__main__":
    main()
