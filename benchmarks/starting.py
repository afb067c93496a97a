"""What `lifesigns run` adds to a short script: `python benchmarks/starting.py [--quick] [--write]`.

CPU time of the whole process, from the start of Python to its end, alone and watched in turns; the
median of the pairs' differences. Python keeps the bytecode of our modules, as it does unless told
otherwise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rows import Rows, announce, tracked, write_section

PAGE = Path(__file__).parents[1] / "docs" / "cost.md"
TRAINS = """
import torch

torch.set_num_threads(1)
network = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
x = torch.randn(64, 8)
for _ in range(20):
    optimizer.zero_grad()
    (network(x) - x.sum(1, keepdim=True)).pow(2).mean().backward()
    optimizer.step()
"""
SCRIPTS = {"imports torch": "import torch\n", "trains 20 steps": TRAINS}
SECONDS = 1.5
"""One process takes about as long."""


def seconds(command, environment):
    """CPU time of a process."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return used.ru_utime + used.ru_stime


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="three pairs instead of nine")
    options.add_argument("--write", action="store_true", help="put the table into docs/cost.md")
    given = options.parse_args()
    pairs = 3 if given.quick else 9
    announce(len(SCRIPTS) * 2 * (pairs + 1) * SECONDS)
    rows = Rows("CPU seconds", ["script", "python", "lifesigns run", "adds"])
    with tempfile.TemporaryDirectory() as folder:
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        path = Path(folder) / "script.py"
        alone = [sys.executable, str(path)]
        watched = [sys.executable, "-m", "lifesigns", "run", str(path)]
        for name, text in SCRIPTS.items():
            path.write_text(text, encoding="utf-8")
            times = [
                (seconds(alone, environment), seconds(watched, environment))
                for _ in tracked(range(pairs + 1))
            ][1:]  # the first pair writes the bytecode
            plain, ours = map(statistics.median, zip(*times, strict=True))
            added = statistics.median(b - a for a, b in times)
            rows.add(name, f"{plain:.2f}", f"{ours:.2f}", f"{added:.2f}")
    if given.write:
        write_section(PAGE, "starting", rows.markdown())


if __name__ == "__main__":
    main()
