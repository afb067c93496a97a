"""How large a page document is, how long it takes and what memory: synthetic runs, streamed.

    python benchmarks/page.py               # says how long it takes here
    python benchmarks/page.py --quick       # a tenth of the snapshots

A snapshot has a linear layer and an activation by turns, ReLU and tanh; its numbers are random, so
that they compress no better than those of a real run. Seconds are processor time of the builder
alone. Memory is by how much the process grew at its peak, without the snapshots, which are made one
after the other. A page is the document with about 150 kB of program.

A second table is of a training of 100,000 steps: its run file, and its page from that file, with
all that reading costs. Of a large network a file holds fewer snapshots than were made.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rows import Rows, announce

from lifesigns.live.followed_run import FollowedRun
from lifesigns.records import (
    Cost,
    LossCurve,
    ParameterReading,
    RunInfo,
    Site,
    SiteReading,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.report import Report
from lifesigns.report.page import PageBuilder
from lifesigns.report.page.file_host import page_html
from lifesigns.rules import Selection
from lifesigns.rules import testing as example
from lifesigns.store import RunWriter

BATCH = 64
RUNS = ((1_000, 100, 64, 1.5), (10_000, 300, 512, 5.0))
"""Snapshots, sites, units, and the most megabytes that the page may have."""
STORED = ((1_000, 100, 16), (1_000, 100, 64), (200, 300, 512))
"""Snapshots that were recorded, sites, units."""
STEPS = 100_000
"""Of the training whose file is measured; it has a loss for each of them."""
FLUSHES = 5
"""Times that losses are written between two recorded steps: once a second."""
PROGRAM = 0.15
"""Megabytes of a page that are no document."""


class Network:
    """Makes the snapshots of a network that trains."""

    def __init__(self, sites: int, units: int) -> None:
        self.random = np.random.default_rng(0)
        operations = ("linear", "relu", "linear", "tanh") * (sites // 4)
        self.graph = example.chain(*operations, "mse_loss", units=units, batch=BATCH)
        values = self.random.standard_normal((BATCH, units))
        self.rectified, self.squashed = example.sums(np.maximum(values, 0)), example.sums(values)
        self.noise = self.random.standard_normal(2**20).astype(np.float32).astype(float)
        self.weights = example.weights(self.graph, weight_rms=0.1, update_rms=1e-4)

    def snapshots(self, count: int) -> Iterator[Snapshot]:
        """So many, one after the other."""
        for step in range(count):
            yield example.snapshot(
                self.graph,
                step=step,
                sites=[
                    self.reading(index, site)
                    for index, site in enumerate(self.graph.sites)
                    if site.operation in ("relu", "tanh")
                ],
                parameters=[self.weight(weight) for weight in self.weights],
            )

    def reading(self, index: int, site: Site) -> SiteReading:
        """An activation whose units fire, saturate and vary at random."""
        model = self.rectified if site.operation == "relu" else self.squashed
        units, scale = model.units, float(self.random.lognormal(0, 0.2))
        value = dataclasses.replace(
            model,
            total_squared=model.total_squared * scale,
            active=self.random.binomial(BATCH, 0.5, units),
            saturated=self.random.binomial(BATCH, 0.05, units),
        )
        return SiteReading(index, value, self.gradient(1.0), self.gradient(0.5 * scale))

    def gradient(self, scale: float) -> UnitSums:
        """One that is another for each unit, site and step."""
        units = self.squashed.units
        total, squares, low, high = (self.drawn(units) for _ in range(4))
        return dataclasses.replace(
            self.squashed,
            total=total,
            total_squared=BATCH * scale * (1 + 0.1 * squares),
            minimum=low - 2,
            maximum=high + 2,
        )

    def drawn(self, units: int) -> NDArray[np.float64]:
        """Normal numbers, without drawing them anew."""
        first = int(self.random.integers(len(self.noise) - units))
        return self.noise[first : first + units]

    def weight(self, model: ParameterReading) -> ParameterReading:
        """A weight whose gradient and update vary at random."""
        weight, gradient, update = self.random.lognormal(0, 0.3, 3).tolist()
        return dataclasses.replace(
            model, weight_rms=0.1 * weight, gradient_rms=gradient, update_rms=1e-4 * update
        )


def measured(snapshots: int, sites: int, units: int) -> tuple[float, float, float, float]:
    """Megabytes of the document; seconds of adding, of the document; megabytes of memory."""
    network, builder = Network(sites, units), PageBuilder()
    adding, before = 0.0, peak()
    for snapshot in network.snapshots(snapshots):
        start = time.thread_time()
        builder.add(snapshot)
        adding += time.thread_time() - start
    values = np.geomspace(1, 0.1, snapshots)
    losses = LossCurve(np.arange(snapshots), values, np.zeros(snapshots, np.int64))
    start = time.thread_time()
    text = json.dumps(builder.document(Trace(losses=losses, steps=snapshots), ()))
    made = time.thread_time() - start
    return len(text) / 1e6, adding, made, peak() - before


def stored(snapshots: int, sites: int, units: int) -> tuple[int, float, float, float, float]:
    """Snapshots in a run file; its megabytes before the run's end and after it; those of its page;
    seconds from file to page."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.lifesigns"
        running = write(path, snapshots, Network(sites, units))
        start, run = time.thread_time(), FollowedRun(path, Selection(), is_told=False)
        while not run.update().is_whole:
            pass
        document = run.document(Report(run.trace(), ()))
        page = page_html(document)
        seconds = time.thread_time() - start
        kept = document["run"]["snapshots"]
        return kept, running, path.stat().st_size / 1e6, len(page) / 1e6, seconds


def write(path: Path, snapshots: int, network: Network) -> float:
    """A training of `STEPS` steps, some of them recorded; the most megabytes while it runs."""
    values = network.random.lognormal(0, 0.1, STEPS).astype(np.float32).astype(float)
    running = 0
    with RunWriter(path, RunInfo()) as writer:
        for snapshot in network.snapshots(snapshots):
            first, last = (STEPS * n // snapshots for n in (snapshot.step, snapshot.step + 1))
            writer.append(dataclasses.replace(snapshot, step=first))
            for flushed in np.array_split(np.arange(first, last), FLUSHES):
                writer.losses(LossCurve(flushed, values[flushed], np.zeros(len(flushed), np.int64)))
            writer.progress(Trace(steps=last, recorded=snapshot.step + 1))
            running = max(running, sum(file.stat().st_size for file in path.parent.iterdir()))
        writer.finish((), "finished", cost=Cost(), steps=STEPS)
    return running / 1e6


def peak() -> float:
    """Megabytes that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the snapshots")
    tenth = 10 if parser.parse_args().quick else 1
    start = time.perf_counter()
    measured(20, 300, 512)
    announce((time.perf_counter() - start) / 20 * RUNS[1][0] / tenth)
    heads = ("run", "document", "page", "at most", "adding", "making", "memory")
    rows = Rows("Page documents: megabytes, seconds of processor time, megabytes of memory", heads)
    for snapshots, sites, units, most in RUNS:
        with get_context("spawn").Pool(1) as alone:  # a process of its own, for its peak
            args = (snapshots // tenth, sites, units)
            size, adding, made, memory = alone.apply(measured, args)
        name = f"{snapshots // tenth:,} × {sites} × {units}"
        numbers = (size, size + PROGRAM, most, adding, made, memory)
        rows.add(name, *(f"{number:.2f}" for number in numbers))
    heads = ("run of 100,000 steps", "kept", "running", "file", "page", "reading")
    rows = Rows("Pages of run files: megabytes, seconds of processor time", heads)
    for snapshots, sites, units in STORED:
        kept, *numbers = stored(snapshots // tenth, sites, units)
        name = f"{snapshots // tenth:,} × {sites} × {units}"
        rows.add(name, str(kept), *(f"{number:.2f}" for number in numbers))


if __name__ == "__main__":
    main()
