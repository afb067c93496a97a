"""What a live page costs the training, how soon it is told, and how many bytes that takes.

    python benchmarks/live.py            # says how long it takes here
    python benchmarks/live.py --quick    # about a minute, and noisier

One training is watched with a run file, and `lifesigns live` serves five pages of it from another
process. Blocks of steps in which server and pages are stopped (SIGSTOP) and in which they go on
alternate, so that nothing is waited for. The table shows the median of the paired ratios of CPU
time of the training, its interval of 95 %, and the middle half of them. Whoever was stopped has
more to do when it goes on: the row `never` is the one before times the work of server and pages
when nobody stops them, over their work in these blocks. The delay is from the moment in which a
step's snapshot was recorded to that in which its event was received; for a finding that step is the
first after which the rule has it. Bytes are those of all events that one more snapshot causes.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rows import Rows, announce
from scipy.stats import binom
from torch import nn

import lifesigns
from lifesigns.records import LossCurve, RunInfo, Snapshot, Trace
from lifesigns.rules import judge
from lifesigns.store import RunWriter
from lifesigns.watch import Watcher

CLIENT = Path(__file__).with_name("page_client.py")
PAGES = 5
WARM = 300
"""Steps before the clock starts."""
RULE = "dead-units"
"""What is found when a layer is killed."""


class Pages:
    """A client in a process of its own, and the server that it asks."""

    def __init__(self, address: str, server: subprocess.Popen[str]) -> None:
        self._server = server
        self._process = subprocess.Popen(
            [sys.executable, str(CLIENT), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self._done: queue.Queue[None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            event = json.loads(line)
            if event["event"] == "done":
                self._done.put(None)
            else:
                self.events.append(event)

    def order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        self._done.get(timeout=120)

    def go_on(self, goes: bool) -> None:
        """Stops client and server, or lets them go on."""
        for process in (self._server, self._process):
            process.send_signal(signal.SIGCONT if goes else signal.SIGSTOP)

    def cpu_seconds(self) -> float:
        """What client and server have spent so far."""
        return sum(_cpu_seconds(process.pid) for process in (self._server, self._process))

    def wait_for(self, kind: str, since: int) -> list[dict[str, Any]]:
        """The events since a number of them, up to one of a kind."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            new = self.events[since:]
            if any(event["event"] == kind for event in new):
                return new
            time.sleep(0.02)
        raise TimeoutError(f"no {kind} came")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _cpu_seconds(pid: int) -> float:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def served(path: Path) -> Iterator[Pages]:
    """A run file as it is served, and pages of it."""
    command = [sys.executable, "-m", "lifesigns", "live", str(path)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert server.stdout is not None
    pages = Pages(re.findall(r"http://\S+", server.stdout.readline())[0], server)
    try:
        yield pages
    finally:
        pages.close()
        server.kill()
        server.communicate()


class Training:
    """A network that is trained step by step; its first layer can be killed."""

    def __init__(self, width: int = 512) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3)
        )
        self._optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def run(self, steps: int, pause: float = 0.0) -> float:
        """CPU seconds of so many steps; the thread that hears the pages is not among them."""
        began = time.thread_time()
        for _ in range(steps):
            inputs = torch.randn(64, 64)
            loss = nn.functional.cross_entropy(self.model(inputs), inputs[:, :3].argmax(1))
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            if pause:
                time.sleep(pause)
        return time.thread_time() - began

    def kill_first_layer(self) -> None:
        with torch.no_grad():
            self.model[0].bias.fill_(-100.0)


def slowdown(folder: Path, pairs: int, steps: int) -> None:
    path, training = folder / "cost.lifesigns", Training()
    cpu: dict[bool, list[float]] = {False: [], True: []}
    writing: dict[bool, list[float]] = {False: [], True: []}
    with lifesigns.watch(training.model, every=10, save=path) as watcher, served(path) as pages:
        file = Timed(watcher._run.file)
        watcher._run.file = file  # type: ignore[assignment]
        # What pages are told is read by a thread of this process: it would share the interpreter.
        pages.order(f"open {PAGES} silently")
        training.run(WARM)
        undisturbed = busy_while(pages, lambda: training.run(10 * WARM))
        going, spent = 0.0, pages.cpu_seconds()
        for pair in range(pairs):
            for is_open in (False, True) if pair % 2 else (True, False):
                pages.go_on(is_open)
                file.seconds.clear()
                began = time.perf_counter()
                cpu[is_open].append(training.run(steps))
                going += is_open * (time.perf_counter() - began)
                writing[is_open] += file.seconds
        busy = (pages.cpu_seconds() - spent) / going
        pages.go_on(True)
    table = Rows(
        f"CPU time of the training with {PAGES} pages open, over that with them stopped",
        ("server and pages", "median", "interval of 95 %", "middle half"),
    )
    ratios = [more / less - 1 for less, more in zip(cpu[False], cpu[True], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    first, last = interval_of_median(ratios)
    for how, share in ("stopped", busy), ("never", undisturbed):
        part = share / busy
        table.add(
            f"{how} ({share:.1%} of a CPU)",
            f"{middle * part:+.2%}",
            f"{first * part:+.2%} to {last * part:+.2%}",
            f"{low:+.1%} to {high:+.1%}" if how == "stopped" else "",
        )
    # Nothing else in this process has to do with pages, and this is not lost in the noise.
    slow, fast = (statistics.median(writing[is_open]) for is_open in (True, False))
    share = len(writing[False]) * (slow - fast) / sum(cpu[False])
    table.add("writing the run file", f"{share:+.3%}", "", "")


def busy_while(pages: Pages, call: Callable[[], object]) -> float:
    """The share of a processor that server and pages take meanwhile."""
    spent, began = pages.cpu_seconds(), time.perf_counter()
    call()
    return (pages.cpu_seconds() - spent) / (time.perf_counter() - began)


def interval_of_median(ratios: list[float]) -> tuple[float, float]:
    """The order statistics between which their median lies with 95 %."""
    first, last = binom(len(ratios), 0.5).interval(0.95)
    ordered = sorted(ratios)
    return ordered[int(first) - 1], ordered[int(last)]


class Timed:
    """A watcher's run file, and the CPU seconds that each snapshot takes."""

    def __init__(self, file: Any) -> None:
        self._file, self.seconds = file, list[float]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def append(self, snapshot: Snapshot) -> None:
        began = time.thread_time()
        self._file.append(snapshot)
        self.seconds.append(time.thread_time() - began)


def delay(folder: Path, steps: int) -> None:
    path, training, recorded = folder / "delay.lifesigns", Training(64), dict[int, float]()

    def note(snapshot: Snapshot) -> None:
        recorded.setdefault(snapshot.step, time.time())

    with Watcher(training.model, every=8, save=path, on_snapshot=note) as watcher:
        with served(path) as pages:
            training.run(8)
            pages.order(f"open {PAGES}")
            training.run(steps, pause=0.03)
            training.kill_first_layer()
            training.run(steps, pause=0.03)
            time.sleep(3)
        trace = watcher.trace
    told = [event for event in pages.events if event["event"] == "snapshot"]
    delays = [event["time"] - recorded[event["data"]["step"]] for event in told]
    found = next(e["time"] for e in pages.events if RULE in e["data"].get("rules", ()))
    table = Rows("Seconds from a recorded step to its event", ("what", "median", "worst", "events"))
    table.add("snapshot", f"{statistics.median(delays):.2f}", f"{max(delays):.2f}", str(len(told)))
    table.add(RULE, f"{found - recorded[first_found(trace)]:.2f}", "", "1")


def first_found(trace: Trace) -> int:
    """The recorded step after which the rule has its finding."""

    def has_it(count: int) -> bool:
        snapshots = trace.snapshots[:count]
        step, losses = snapshots[-1].step, trace.losses
        seen = losses.steps <= step
        curve = LossCurve(losses.steps[seen], losses.values[seen], losses.streams[seen])
        early = replace(trace, snapshots=snapshots, losses=curve, steps=step + 1, recorded=0)
        return any(finding.rule == RULE for finding in judge(early))

    first = bisect_left(range(1, len(trace.snapshots) + 1), True, key=has_it)
    return trace.snapshots[first].step


def sizes(folder: Path, counts: tuple[int, ...]) -> None:
    snapshot = one_snapshot(Training())
    table = Rows("Bytes of the events that one more snapshot causes", ("snapshots", "bytes"))
    for count in counts:
        path = folder / f"{count}.lifesigns"
        with RunWriter(path, RunInfo("benchmark")) as writer:
            for step in range(count):
                writer.append(replace(snapshot, step=step))
            with served(path) as pages:
                pages.order("open 1")
                pages.wait_for("status", 0)
                time.sleep(1)  # the judgement of what is there
                before = len(pages.events)
                writer.append(replace(snapshot, step=count))
                told = pages.wait_for("status", before)
        size = sum(event["bytes"] for event in told if event["event"] != "report")
        table.add(f"{count:,}", f"{size:,}")


def one_snapshot(training: Training) -> Snapshot:
    with Watcher(training.model, every=1) as watcher:
        training.run(2)
    return watcher.trace.snapshots[-1]


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    seconds: float
    """How long that takes."""
    pairs: int
    block: int
    """Steps of half a pair."""
    steps: int
    """Steps before and after a layer dies."""
    counts: tuple[int, ...]
    """Snapshots in a file."""


FULL = Effort(480, 4_000, 20, 400, (10, 1_000, 10_000))
QUICK = Effort(70, 200, 20, 200, (10, 1_000))
SMOKE = Effort(20, 8, 5, 60, (3, 10))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument("--smoke", action="store_true", help="only whether it runs")
    given = parser.parse_args()
    effort = SMOKE if given.smoke else QUICK if given.quick else FULL
    torch.set_num_threads(1)
    announce(effort.seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slowdown(folder, effort.pairs, effort.block)
        delay(folder, effort.steps)
        sizes(folder, effort.counts)


if __name__ == "__main__":
    main()
