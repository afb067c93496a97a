"""Draws docs/report.svg, the picture in the README: the report on a doubled softmax.

Run it with `python docs/make_picture.py` when the form of a report has changed.
"""

import io
from pathlib import Path

from rich.console import Console

from lifesigns.commands.demo import FAULTS, run

FAULT = "double-softmax"


def main() -> None:
    """Train the network with this fault and write its report as SVG."""
    fault = next(fault for fault in FAULTS if fault.name == FAULT)
    (outcome,) = run([fault], seed=0, console=Console(file=io.StringIO()))
    picture = Path(__file__).with_name("report.svg")
    picture.write_text(outcome.report.svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
