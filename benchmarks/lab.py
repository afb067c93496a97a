"""What the lab gains: model-steps per second of CPU time, population ÷ one network at a time.

    python benchmarks/lab.py                      # says how long it takes here
    python benchmarks/lab.py --quick              # fewer networks, one turn
    python benchmarks/lab.py --jax PYTHON         # with JAX, from an environment that has it
    python benchmarks/lab.py --digits             # 512 networks, 500 steps each, with peak memory

One thread, one run. *Sequential* is a plain PyTorch loop: `nn.Sequential`, `cross_entropy`,
`torch.optim.SGD`, a shuffled batch for each step. *Lab* is `train_population` in chunks of the size
it tunes itself; K members beyond one chunk are trained chunk after chunk. *JAX* is `vmap` over the
members and `scan` over the steps, compiled (lab_jax.py). Set-up, tuning and compilation are not
counted. Every side gathers its batches from the same 1797 samples. The three take turns, and the
best of several turns counts, because other programs on the machine can only slow a turn down.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from rows import Rows, announce, tracked
from torch import nn

from lifesigns.lab import Member, train_population
from lifesigns.lab.training.chunks import best_chunk
from lifesigns.lab.training.population import Population
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import Split, load

SAMPLES = 1797
SIZES, QUICK_SIZES = (1, 8, 32, 128, 512), (1, 8, 32)
FEW = 8
"""Networks that tell how long it takes to build and train many."""
SECONDS = 0.5
"""CPU time of one turn, about."""
DIGITS_STEPS = 500
JAX_SCRIPT = Path(__file__).with_name("lab_jax.py")


@dataclass(frozen=True)
class Setting:
    """A network and its batch size."""

    widths: tuple[int, ...]
    batch: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, batch {self.batch}"

    @property
    def recipe(self) -> Recipe:
        inputs, *hidden, outputs = self.widths
        network = MLP(inputs, tuple(hidden), outputs, "relu", initialiser="he_normal")
        return Recipe(network, "cross_entropy", 0.01, batch_size=self.batch)

    def data(self) -> Split:
        random = torch.Generator().manual_seed(0)
        x = torch.randn(SAMPLES, self.widths[0], generator=random)
        y = torch.randint(self.widths[-1], (SAMPLES,), generator=random)
        return Split(x, y, x, y, "noise", self.widths[-1])


SETTINGS = (
    Setting((2, 8, 8, 2), 32),
    Setting((64, 64, 64, 10), 64),
    Setting((64, 64, 64, 10), 32),
    Setting((784, 128, 128, 10), 64),
)

Cases = Sequence[tuple[Setting, int]]
"""Networks, each with how many of them."""


def sequential(setting: Setting) -> float:
    """Model-steps per second of CPU time of one network alone."""
    data, recipe = setting.data(), setting.recipe
    torch.manual_seed(0)
    model = recipe.network.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)

    def epoch() -> int:
        batches = torch.split(torch.randperm(SAMPLES), setting.batch)
        for rows in batches:
            loss = nn.functional.cross_entropy(model(data.inputs[rows]), data.targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return len(batches)

    epoch()
    steps, start = 0, time.process_time()
    while time.process_time() - start < SECONDS:
        steps += epoch()
    return steps / (time.process_time() - start)


def population(setting: Setting, size: int, chunk: int) -> float:
    """Model-steps per second of CPU time of `size` networks, chunk after chunk."""
    data = setting.data()
    members = [Member(setting.recipe, seed) for seed in range(size)]
    chunks = [members[start : start + chunk] for start in range(0, size, chunk)]
    probe = stepping(chunks[0], data, 5)
    steps = max(8, min(2000, round(SECONDS * len(chunks[0]) / (probe * size))))
    return size / sum(len(part) * stepping(part, data, steps) for part in chunks)


def stepping(members: list[Member], data: Split, steps: int) -> float:
    """CPU seconds of one model-step, from the end of the first epoch's start on."""
    people = Population(members, data, torch.float32)
    advance(people, 1)
    start = time.process_time()
    advance(people, steps)
    return (time.process_time() - start) / steps / len(members)


def advance(people: Population, steps: int) -> None:
    for _ in people.advance(steps):
        pass


def with_jax(python: str, setting: Setting, size: int) -> float:
    """Model-steps per second of CPU time by JAX, in a process of its own on one processor."""
    order = [python, str(JAX_SCRIPT), json.dumps([setting.widths, setting.batch, size, SECONDS])]
    done = subprocess.run(order, check=True, capture_output=True, text=True)
    return float(done.stdout)


def best(turns: int, *sides: Callable[[], float]) -> list[float]:
    """The best of several turns of each side, taken in turn."""
    found = [[side() for side in sides] for _ in range(turns)]
    return [max(column) for column in zip(*found, strict=True)]


def estimate(cases: Cases, turns: int, sides: int, digits_steps: int) -> float:
    """Seconds that all takes here, by the clock: training for so long, and building networks."""
    start, used = time.perf_counter(), time.process_time()
    building = {setting: _building(setting) for setting, _ in cases}
    digits_step = stepping(
        [Member(SETTINGS[2].recipe, i) for i in range(FEW)], SETTINGS[2].data(), 20
    )
    busy = (time.process_time() - used) / (time.perf_counter() - start)  # others may be at work
    built = sum(building[setting] * size * (2 * turns + 2) for setting, size in cases)
    trained = len(cases) * turns * sides * SECONDS * 1.3 + digits_step * digits_steps
    return (built + trained) / max(busy, 0.1)


def _building(setting: Setting) -> float:
    """CPU seconds of one network before its first step."""
    members, data = [Member(setting.recipe, seed) for seed in range(FEW)], setting.data()
    start = time.process_time()
    Population(members, data, torch.float32)
    return (time.process_time() - start) / FEW


def compare(turns: int, python: str | None, cases: Cases) -> None:
    heads = ("network", "K", "chunk", "sequential", "lab", "lab ÷ seq.", "JAX", "lab ÷ JAX")
    rows = Rows(f"model-steps per CPU-second (torch {torch.__version__}, one thread)", heads)
    for setting, size in tracked(cases):
        members = [Member(setting.recipe, seed) for seed in range(size)]
        chunk = best_chunk(members, setting.data())
        sides = [partial(sequential, setting), partial(population, setting, size, chunk)]
        if python:
            sides.append(partial(with_jax, python, setting, size))
        alone, lab, *jax = best(turns, *sides)
        speeds = f"{alone:,.0f}", f"{lab:,.0f}", f"{lab / alone:.1f}"
        against = (f"{jax[0]:,.0f}", f"{lab / jax[0]:.2f}") if jax else ("–", "–")
        rows.add(setting.name, str(size), str(chunk), *speeds, *against)


def digits(members: int, steps: int = DIGITS_STEPS) -> str:
    """Networks on the handwritten digits, as the lab trains them, measures included."""
    data = load("digits").for_loss("cross_entropy")
    recipe = Recipe(
        MLP(64, (64, 64), 10, "relu", initialiser="he_normal"), "cross_entropy", 0.1, batch_size=32
    )
    people = [Member(recipe, seed) for seed in range(members)]
    before = peak_mib()
    start = time.process_time()
    chunk = best_chunk(people, data)
    tuned = time.process_time()
    accuracies = [
        train_population(people[first : first + chunk], data, steps).measures["accuracy"][-1]
        for first in range(0, members, chunk)
    ]
    end = time.process_time()
    mean = sum(float(a.sum()) for a in accuracies) / members
    return (
        f"{members} networks 64-64-64-10, {steps} steps of 32: {end - tuned:.1f} s of CPU time in "
        f"chunks of {chunk} (found in {tuned - start:.1f} s), mean accuracy {mean:.3f}, peak "
        f"memory {peak_mib():.0f} MiB, {peak_mib() - before:.0f} MiB more than before."
    )


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jax", metavar="PYTHON", help="interpreter that can import jax")
    parser.add_argument("--digits", action="store_true", help="only the networks on digits")
    parser.add_argument("--turns", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--only", default="", help="networks whose name starts like this")
    parser.add_argument("--quick", action="store_true", help="fewer networks, one turn")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = [] if asked.digits else [s for s in SETTINGS if s.name.startswith(asked.only)]
    cases = list(itertools.product(settings, QUICK_SIZES if asked.quick else SIZES))
    turns, members = (1, 64) if asked.quick else (asked.turns, 512)
    announce(estimate(cases, turns, 3 if asked.jax else 2, members * DIGITS_STEPS))
    if cases:
        compare(turns, asked.jax, cases)
    print(f"\n{digits(members)}")


if __name__ == "__main__":
    main()
