"""Programs by writers who had not seen lifesigns: `python benchmarks/blind.py [--quick] [--write]`.

Each program of benchmarks/blind has one fault that its writer knows from forums, issues or pull
requests, and a cure that learns clearly better. Both run under `lifesigns run`, as a user would run
them. An alarm is an error or a warning; the cause is named first if the first alarm is of one of
the rules that name the fault.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from rows import Rows, announce, tracked, write_section

from lifesigns._files import read_toml

FOLDER = Path(__file__).parent / "blind"
PAGE = Path(__file__).parents[1] / "docs" / "blind.md"
SECONDS = 6.0
"""One program takes about as long."""
QUICK = 6


class Pair(NamedTuple):
    """A faulty program, and what makes it its cure."""

    name: str
    swaps: tuple[tuple[str, str], ...]
    causes: tuple[str, ...]
    """Rules that name the fault; none where a watched training cannot tell it."""

    @property
    def faulty(self) -> str:
        return (FOLDER / f"{self.name}.py").read_text(encoding="utf-8")

    @property
    def cured(self) -> str:
        text = self.faulty
        for old, new in self.swaps:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in it")
            text = text.replace(old, new)
        return text


def pairs() -> list[Pair]:
    """All of them, in the order of their names."""
    table: Mapping[str, Any] = read_toml(FOLDER / "pairs.toml")
    return [
        Pair(name, tuple(map(tuple, entry["swaps"])), tuple(entry["causes"]))
        for name, entry in table.items()
    ]


def alarms(text: str, name: str, seed: int) -> list[str]:
    """The rules of all errors and warnings of a run, first things first."""
    with tempfile.TemporaryDirectory() as folder:
        script, report = Path(folder) / f"{name}.py", Path(folder) / "report.json"
        script.write_text(text, encoding="utf-8")
        words = ["lifesigns", "run", "--json", str(report), str(script), "--seed", str(seed)]
        run = [sys.executable, "-m", *words]
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True)
        if done.returncode or not report.exists():
            raise SystemExit(f"{name} ended with exit code {done.returncode}:\n{done.stderr}")
        findings = json.loads(report.read_text(encoding="utf-8"))["findings"]
    return [f["rule"] for f in findings if f["severity"] != "note"]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help=f"{QUICK} of the pairs")
    options.add_argument("--only", help="pairs whose names begin so")
    options.add_argument("--seed", type=int, default=0, help="which the programs are given")
    options.add_argument("--jobs", type=int, default=1, help="programs at a time")
    options.add_argument("--write", action="store_true", help="put the table into docs/blind.md")
    given = options.parse_args()
    chosen = [pair for pair in pairs() if pair.name.startswith(given.only or "")]
    chosen = chosen[:: -(-len(chosen) // QUICK)] if given.quick else chosen
    announce(2 * len(chosen) * SECONDS / given.jobs)
    columns = ["program", "cause", "told of the faulty one", "told of the cure"]
    rows = Rows("Faulty programs and their cures", columns)
    found = first = false = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        runs = [
            [pool.submit(alarms, text, pair.name, given.seed) for text in (pair.faulty, pair.cured)]
            for pair in chosen
        ]
        for pair, (faulty, cured) in zip(tracked(chosen), runs, strict=True):
            told, after = faulty.result(), cured.result()
            is_first = bool(told) and told[0] in pair.causes
            found, first, false = found + bool(told), first + is_first, false + bool(after)
            word = "first" if is_first else "later" if {*told} & {*pair.causes} else "-"
            rows.add(pair.name, word, told[0] if told else "-", after[0] if after else "-")
    total = len(chosen)
    summary = f"{found} of {total} found, {first} by their cause first, {false} alarms on cures."
    print(f"\n{summary}")
    if given.write:
        write_section(PAGE, "programs", f"{summary}\n\n{rows.markdown()}")


if __name__ == "__main__":
    main()
