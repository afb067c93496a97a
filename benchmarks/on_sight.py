"""What edits on sight cost: `python benchmarks/on_sight.py [--write]`.

Where something alarms, `prove` also tries edits that no finding asks for, if the source has one
place for them; with `--auto`, also where nothing was found. Each is a training more before a
remedy is chosen. Here they are counted, without training, over the programs of tests/cases: those
that learn, in which nothing is found, and those with a fault.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import statistics
import sys
from collections import Counter
from pathlib import Path

from rows import Rows, announce, write_section

from lifesigns.prove.candidates import written
from lifesigns.records import Trace
from lifesigns.remedies import UNDIAGNOSED, for_sight

PAGE = Path(__file__).parents[1] / "docs" / "prove.md"
OWN = Path(__file__).parents[1] / "tests" / "cases"
SECONDS = 0.3
"""One program takes about as long."""


def alone(program):
    """The file of a program, without the other programs of it."""
    path = Path(inspect.getsourcefile(program.train))
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        is_other = isinstance(node, ast.FunctionDef) and node.name != program.name
        if is_other and node.decorator_list:
            for number in range(node.decorator_list[0].lineno - 1, node.end_lineno):
                lines[number] = "\n"
    return {path: "".join(lines)}


def on_sight(program):
    """The names of the edits that find their place in a program."""
    texts = alone(program)
    found = (written(UNDIAGNOSED, edit, texts) for edit in for_sight(UNDIAGNOSED, Trace()))
    return [one.edit.name for one in found if one.sources]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="put the table into docs/prove.md")
    given = options.parse_args()
    sys.path.insert(0, str(OWN))
    import faulty
    import healthy
    from program import programs_of

    programs = {"that learn": programs_of(healthy), "with a fault": programs_of(faulty)}
    announce(sum(map(len, programs.values())) * SECONDS)
    columns = ["programs", "number", "none", "one", "more", "median", "mean", "most often"]
    rows = Rows("Edits on sight that find a place", columns)
    for name, some in programs.items():
        found = [on_sight(program) for program in some]
        counts = [len(names) for names in found]
        often = Counter(name for names in found for name in names).most_common(3)
        rows.add(
            *(name, str(len(some)), str(counts.count(0)), str(counts.count(1))),
            str(sum(count > 1 for count in counts)),
            *(f"{statistics.median(counts):g}", f"{statistics.fmean(counts):.2f}"),
            ", ".join(f"{word} {number}" for word, number in often),
        )
    if given.write:
        write_section(PAGE, "on sight", rows.markdown())


if __name__ == "__main__":
    main()
