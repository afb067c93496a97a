"""`lifesigns check`: judges a network by one training step, before training."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from lifesigns._errors import UsageError
from lifesigns._files import why_unreadable
from lifesigns._outputs import check_distinct
from lifesigns.check import LossFunction, checked
from lifesigns.commands.run import run
from lifesigns.report.github import to_github
from lifesigns.rules import Selection


def check(
    target: str,
    *others: str,
    json_path: Path | None = None,
    sarif_path: Path | None = None,
    selection: Selection | None = None,
    output_format: str = "text",
) -> int:
    """Checks what a script trains first, or what the factory of `FILE:FACTORY` returns.

    Args:
        target: A script, which is run up to the end of its first training step; or a file and the
            name of a function in it that returns `(model, batch, loss_fn)`.
        others: More of them; each is checked in a process of its own.
        json_path: Where to write the report as JSON.
        sarif_path: Where to write the report as SARIF.
        selection: Which rules are asked.
        output_format: `github` adds an annotation for each finding, on standard output.

    Returns:
        0 if nothing alarming was found, 1 otherwise, or the exit code of a script that failed.

    Raises:
        UsageError: There is no such file or function, or it returns something else; or there are
            several and one file for their reports.
    """
    if others:
        if json_path is not None or sarif_path is not None:
            raise UsageError("--json and --sarif hold one report: check one file at a time.")
        return _each((target, *others), selection, output_format)
    if Path(target).is_file():
        return run(
            target,
            [],
            every=1,
            max_steps=1,
            json_path=json_path,
            sarif_path=sarif_path,
            selection=selection,
            is_check=True,
            output_format=output_format,
        )
    check_distinct([json_path, sarif_path], inputs=[Path(target.rpartition(":")[0])])
    report = checked(*_made_by(target), selection or Selection())
    report.print()
    if output_format == "github":
        print(to_github(report.trace, report.findings), end="")
    if json_path is not None:
        report.write_json(json_path)
    if sarif_path is not None:
        report.write_sarif(sarif_path)
    return 0 if report.ok else 1


def _each(targets: Sequence[str], selection: Selection | None, output_format: str) -> int:
    """Checks several, each in a child that has torch already; the worst exit code is that of all.

    A child returns from here with its own exit code, and ends as a check of one file ends.
    """
    importlib.import_module("torch._dynamo")  # once: every optimizer's first step imports it
    worst = 0
    for target in targets:
        print(f"== {target}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        child = os.fork()
        if not child:
            return check(target, selection=selection, output_format=output_format)
        worst = max(worst, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), key=abs)
    return abs(worst)


def _made_by(target: str) -> tuple[nn.Module, tuple[Any, Any], LossFunction]:
    path, colon, name = target.rpartition(":")
    if not colon:
        raise UsageError(f"{target}: no such script, and no FILE:FACTORY such as train.py:make")
    file = Path(path)
    reason = why_unreadable(file)
    if reason:
        raise UsageError(f"{path} {reason}; expected a Python file with the function {name}")
    factory = getattr(_import(file), name, None)
    if isinstance(factory, nn.Module):
        raise UsageError(
            f"{target} is a network; expected a function returning (model, batch, loss_fn)"
        )
    if not callable(factory):
        raise UsageError(
            f"{path} has no function {name}; expected one returning (model, batch, loss_fn)"
        )
    made = factory()
    if not (isinstance(made, tuple) and len(made) == 3 and isinstance(made[0], nn.Module)):
        raise UsageError(
            f"{target} returned {type(made).__name__}; expected (model, batch, loss_fn)"
        )
    return made


def _import(file: Path) -> Any:
    sys.path.insert(0, str(file.resolve().parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file}: cannot be imported; expected a Python file ending in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module
