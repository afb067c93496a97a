"""Programs that start others: what trains are their children, so these are watched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lifesigns._errors import UsageError
from lifesigns.report import Report

TORCHRUN = "torch.distributed.run"
WAYS = {
    "torch.distributed.launch": "torchrun --nproc-per-node N -m lifesigns run SCRIPT …",
    "accelerate.commands.launch": "accelerate launch -m lifesigns run SCRIPT …",
    "accelerate": "accelerate launch -m lifesigns run SCRIPT …",
    "deepspeed": "deepspeed --module lifesigns run SCRIPT …",
}
"""How the children of other launchers are watched."""


def is_launcher(target: str, *, module: bool) -> bool:
    """Whether a program only starts others that train.

    Args:
        target: A script or a module.
        module: Whether it is a module.

    Raises:
        UsageError: It is a launcher that has to be told so itself; the message says how.
    """
    name = target if module else Path(target).name
    if name in WAYS:
        raise UsageError(
            f"{name} starts other processes, and those train. Have it start lifesigns: "
            f"{WAYS[name]} (options of lifesigns stand before SCRIPT)"
        )
    return name == TORCHRUN if module else name == "torchrun"


def with_children_watched(arguments: Sequence[str]) -> list[str]:
    """The arguments of torchrun with `lifesigns run` in the place of what it was to start.

    Args:
        arguments: Of torchrun: its own options, what to start, and arguments for that.

    Raises:
        UsageError: It is to start another program than Python.
    """
    from torch.distributed.run import get_args_parser

    told = get_args_parser().parse_args(list(arguments))
    sys.modules.pop(TORCHRUN, None)  # it is run next, and runpy warns of what is there already
    if told.no_python:
        raise UsageError(
            "torchrun --no-python starts programs that cannot be looked into. Have it start "
            "lifesigns: torchrun … --no-python lifesigns run SCRIPT …"
        )
    script = len(arguments) - len(told.training_script_args) - 1
    module = ["-m"] if told.module else []
    own = [word for word in arguments[:script] if word not in ("-m", "--module")]
    behind = [told.training_script, *told.training_script_args]
    return [*own, "-m", "lifesigns", "run", *_own_options(arguments), *module, *behind]


def _own_options(arguments: Sequence[str]) -> list[str]:
    """Those of `lifesigns run`, as they were typed."""
    typed = sys.argv[sys.argv.index("run") + 1 : len(sys.argv) - len(arguments) - 1]
    return [word for word in typed if word not in ("-m", "--")]


def hint(report: Report | None) -> str:
    """How to watch the processes that a program has started itself; empty if there is no need.

    Args:
        report: On the program; None if it could not be made.
    """
    started = sys.modules.get("multiprocessing.process")
    count = repr(getattr(started, "_process_counter", "count(1)"))
    saw = report is None or report.trace.steps or report.trace.snapshots
    if saw or started is None or count == "count(1)":
        return ""
    return (
        "this program has started processes of its own (multiprocessing, torch.multiprocessing."
        "spawn), which are not watched from here. In the function that they run: with "
        "lifesigns.watch(model, save='run-{rank}.lifesigns'): …, then lifesigns show run-*"
    )
