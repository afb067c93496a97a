"""`lifesigns rerun SCRIPT|RUN`: does a training repeat, and what does it write? In a sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lifesigns._errors import Interrupted, cut
from lifesigns.locale.spoken import said
from lifesigns.prove.arm import Arm
from lifesigns.prove.asked import asked_for, say
from lifesigns.prove.changes import MOST_LOOKED_AT
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.identity import Comparison, Identity, Verdict
from lifesigns.prove.repetition import Repetition, repeat
from lifesigns.records import Trace, to_json
from lifesigns.report.comparison.as_json import difference_as_json
from lifesigns.report.comparison.recordings import Phase
from lifesigns.report.comparison.words import located
from lifesigns.report.language import Language
from lifesigns.report.wording import phrases_in
from lifesigns.report.wrapping import for_terminal

REPEATS, DIFFERS, UNFAIR = 0, 1, 4
"""Exit codes; 2 is for a mistake in the command, as everywhere."""
SCHEMA = 1
"""The version grows when a reader of the old JSON would misread the new one."""
MOST_NAMED = 10
"""Files of a kind that are named; `--json` names all."""


def rerun(
    target: str,
    arguments: list[str],
    *,
    module: bool = False,
    timeout: float | None = None,
    allow_network: bool = False,
    keep: Path | None = None,
    json_output: bool = False,
) -> int:
    """Runs a script or a recorded run again, so that nothing outside changes, and says what it saw.

    Args:
        target: A script, a run file, or the name of a module if `module`.
        arguments: The script's own; a run file knows its own.
        module: Run as `python -m target`.
        timeout: Seconds for a training.
        allow_network: Whether it may use the network.
        keep: A new folder for the sandbox, which stays then.
        json_output: Print JSON instead of text.

    Returns:
        0 if it repeats to the bit, 1 if not, 4 if it cannot be run fairly.

    Raises:
        UsageError: There is no such script, or the run file does not say how it was started.
        Interrupted: Ctrl-C; nothing is left.
    """
    program, recorded = asked_for(target, arguments, module)
    try:
        found = repeat(
            program, recorded, timeout=timeout, has_network=allow_network, keep=keep, say=say
        )
    except CannotRun as error:
        refusal = json.dumps(_refusal(error), indent=2)
        _print(refusal if json_output else said(str(error), "errors"), json_output)
        return UNFAIR
    except KeyboardInterrupt:
        raise Interrupted from None
    command = " ".join((program.target, *program.arguments))
    lines = (said(line, "prove") for line in _lines(command, found, recorded, keep))
    whole = json.dumps(_as_json(command, found), indent=2) if json_output else "\n".join(lines)
    _print(whole, json_output)
    return REPEATS if found.repeats else DIFFERS


def _print(text: str, is_json: bool) -> None:
    print(text if is_json else for_terminal(text, sys.stdout))


def _lines(
    command: str, found: Repetition, recorded: Trace | None, keep: Path | None
) -> Iterator[str]:
    arm = found.arms[0]
    yield from _verdict(command, found.identity, recorded is not None)
    if arm.how != "finished":
        yield f"It ended so: {cut(arm.how)}"
    if arm.end.left:
        yield f"Processes that outlived it and were ended: {arm.end.left}."
    yield from _files(arm)
    yield from _outside(found)
    between = phrases_in(Language.spoken()).between
    yield f"Not as in your shell: {between.join(said(each, 'prove') for each in found.unequal)}."
    if keep is not None:
        yield f"Kept: {keep}"


def _verdict(command: str, found: Identity, is_recorded: bool) -> Iterator[str]:
    seen = found.comparison
    names = ("the recorded run", "an arm") if is_recorded else ("one arm", "another")
    if found.verdict is Verdict.IDENTICAL:
        yield (
            f"{command} repeats bit for bit: {_count(seen.losses, 'loss')} and "
            f"{_count(seen.snapshots, 'recorded step')} are equal in {' and '.join(names)}."
        )
        return
    within = found.verdict is Verdict.WITHIN_SPREAD
    but = ", but lies within the spread of two arms" if within else ""
    yield f"{command} does not repeat bit for bit{but}."
    yield from _difference(seen, names)
    if found.noise is not None:
        yield f"Two arms lie {found.noise.spread:.3g} apart: the noise floor."


def _difference(seen: Comparison, names: tuple[str, str]) -> Iterator[str]:
    if seen.first is None:
        return
    yield f"First difference: {said(located(seen.first, names), 'compare')}."
    yield f"The losses lie {seen.spread:.3g} apart (RMS of {seen.losses})."
    if seen.first.step == 0 and seen.first.phase <= Phase.LOSS:
        yield "The very first step differs: set a seed before network and data are made."


def _files(arm: Arm) -> Iterator[str]:
    for name, paths in vars(arm.end.changes).items():
        named = [path for path in paths if "/__pycache__/" not in path]
        if named:
            yield f"Files {name} inside the sandbox: {len(named)}"
            yield from (f"  {_shown(path)}" for path in named[:MOST_NAMED])
            if len(named) > MOST_NAMED:
                yield f"  and {len(named) - MOST_NAMED} more"
    if not arm.end.changes:
        yield "It wrote no files."


def _outside(found: Repetition) -> Iterator[str]:
    trees = said(" and ", "prove").join(_shown(str(tree)) for tree in found.trees)
    if not found.outside:
        part = "the first " if found.looked_at >= MOST_LOOKED_AT else ""
        count = part + _count(found.looked_at, "file")
        yield f"Nothing outside changed: {count} of {trees} compared."
        return
    who = "by the run, perhaps" if found.warning else "by somebody else"
    yield f"Outside, in {trees}, files changed meanwhile ({who}):"
    for name, paths in vars(found.outside).items():
        yield from (f"  {name} {_shown(path)}" for path in paths[:MOST_NAMED])


def _count(number: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"


def _shown(path: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _as_json(command: str, found: Repetition) -> dict[str, Any]:
    arm = found.arms[0]
    values = {
        "schema": SCHEMA,
        "command": command,
        "repeats": found.repeats,
        "verdict": found.identity.verdict,
        "comparison": _compared(found.identity.comparison),
        "noise": found.identity.noise and _compared(found.identity.noise),
        "outcomes": tuple(one.how for one in found.arms),
        "processes_left": arm.end.left,
        "files": arm.end.changes,
        "outside": found.outside,
        "looked_at": found.looked_at,
        "unequal": found.unequal,
        "warning": found.warning,
    }
    noted: dict[str, Any] = to_json(values)
    return noted


def _compared(seen: Comparison) -> dict[str, Any]:
    return {**vars(seen), "first": difference_as_json(seen.first, ("one", "other"))}


def _refusal(error: CannotRun) -> dict[str, Any]:
    return {"schema": SCHEMA, "repeats": None, "reason": str(error)}
