"""What the commands are asked to train: a script, a module, or a run that knows its script."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from lifesigns._errors import UsageError, cut
from lifesigns._files import why_unreadable
from lifesigns._outputs import is_run_file
from lifesigns.locale.spoken import said
from lifesigns.prove.arm import Program
from lifesigns.records import RunInfo, Trace
from lifesigns.report.charset import encodable
from lifesigns.report.wrapping import for_terminal
from lifesigns.settings import load_settings
from lifesigns.store import read_run


def asked_for(target: str, arguments: list[str], module: bool) -> tuple[Program, Trace | None]:
    """What to train, and the run that it is to repeat.

    Args:
        target: A script, `SCRIPT:FUNCTION`, a run file, or the name of a module if `module`.
        arguments: The script's own; a run file knows its own.
        module: Run as `python -m target`.

    Raises:
        UsageError: There is no such script or function, or the run file does not say how it was
            started.
    """
    file, _, function = target.rpartition(":")
    if function.isidentifier() and Path(file).is_file() and not module:
        _check_function(Path(file), function)
        return replace(_given(file, arguments, module), function=function), None
    recorded = None if module else _recorded(target)
    if recorded is None:
        return _given(target, arguments, module), None
    return _stored(target, arguments, recorded.info), recorded


def _check_function(file: Path, name: str) -> None:
    """Refuses a name that the file nowhere gives to anything, before it is run for it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return  # whoever runs it says what is wrong with it
    defined, others = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.alias):
            others.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            others.add(node.id)
    if name not in defined | others and "*" not in others:
        near = get_close_matches(name, sorted(defined), n=1)
        hint = f"Did you mean {near[0]}?" if near else "Give one that trains when it is called."
        raise UsageError(f"{file} has no function {name}. {hint}")


def _recorded(target: str) -> Trace | None:
    """The run in a run file; None for a script."""
    reason = why_unreadable(Path(target))
    if reason:
        raise UsageError(f"{cut(target)} {reason}; expected a Python training script or a run.")
    return read_run(Path(target)) if is_run_file(Path(target)) else None


def _given(target: str, arguments: list[str], module: bool) -> Program:
    settings = load_settings(Path.cwd() if module else Path(target))
    options = {"every": settings.every, "budget": settings.budget}
    known = {name: str(value) for name, value in options.items() if value is not None}
    only = dict([*known.items()][:1])  # one of them decides, as in `lifesigns run`
    return Program(target, tuple(arguments), Path.cwd(), module, only)


def _stored(path: str, arguments: list[str], info: RunInfo) -> Program:
    if arguments:
        raise UsageError(f"{path} is a run and knows its own arguments. Give none.")
    if not info.arguments:
        raise UsageError(
            f"{path} does not say how it was started: it is not from lifesigns run, or from an "
            "older one. Give the script and its arguments."
        )
    folder = Path(info.folder)
    module = info.arguments[0] == "-m"
    target, *own = info.arguments[module:]
    script = folder / target
    reason = why_unreadable(script) if not module else "" if folder.is_dir() else "does not exist"
    if reason:
        raise UsageError(f"{path} was recorded with {script}, which {reason}.")
    return Program(target, tuple(own), folder, module, info.options)


def say(text: str) -> None:
    """One line of ours on standard error.

    Args:
        text: Without the name of the program; nothing is said if it is empty.
    """
    if text:
        line = for_terminal(f"lifesigns: {said(text, 'prove')}", sys.stderr)
        print(encodable(line, sys.stderr.encoding or "utf-8"), file=sys.stderr, flush=True)
