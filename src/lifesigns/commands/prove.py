"""`lifesigns prove SCRIPT|RUN`: which remedy cures it, shown by training with and without it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifesigns import _outputs
from lifesigns._errors import Interrupted, UsageError, cut
from lifesigns.evidence.sites import counted
from lifesigns.locale.spoken import said
from lifesigns.prove.applying import write
from lifesigns.prove.arms import Arms
from lifesigns.prove.as_json import SCHEMA, plan_as_json, proof_as_json
from lifesigns.prove.asked import asked_for, say
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.in_words import of_plan, of_proof, price, root_of
from lifesigns.prove.kept import ARMS, PROOF, KeptArms, proof_folder
from lifesigns.prove.page import comparison_page, proof_html
from lifesigns.prove.proof import Conclusion, Limits, Plan, Proof
from lifesigns.prove.proving import planned, prove
from lifesigns.prove.repetition import seconds_for
from lifesigns.prove.scores import Measure
from lifesigns.report.charset import encodable
from lifesigns.report.progress import Progress
from lifesigns.report.wrapping import for_terminal

UNFAIR = 4
GOES_ON = "interrupted; the same command goes on with the trainings that were done."
NOT_KEPT = "interrupted; nothing is kept: with -o DIR the trainings are."
ALIVE = 10.0
"""Seconds after which a line says that it still trains, where there is no terminal."""
CODES = {
    Conclusion.PROVED: 0,
    Conclusion.NOT_PROVED: 1,
    Conclusion.NOTHING: 1,
    Conclusion.UNDECIDED: 3,
}
"""Exit codes; 2 is for a mistake in the command, as everywhere."""


@dataclass(frozen=True)
class Wanted:
    """What the command is asked for, beside the program."""

    measure: Measure = field(default_factory=Measure)
    limits: Limits = field(default_factory=Limits)
    jobs: int | None = None
    """Arms at a time; by default one here, and on Ray as many as the cluster has processors."""
    on: str = "local"
    """Or `ray`."""
    timeout: float | None = None
    allow_network: bool = False
    auto: bool = False
    """Whether the commonest edits are tried, too, that no finding asks for."""
    dry_run: bool = False
    apply: bool = False
    output: Path | None = None
    """A folder for the proof, its pages, the patch and the arms: a new one, or that of a proof that
    was broken off and goes on there."""
    json_output: bool = False


def prove_remedy(target: str, arguments: list[str], wanted: Wanted, *, module: bool = False) -> int:
    """Looks for a remedy and proves it; the user's files stay as they are unless asked for.

    Args:
        target: A script, a run file, or the name of a module if `module`.
        arguments: The script's own; a run file knows its own.
        wanted: How, and what to write.
        module: Run as `python -m target`.

    Returns:
        0 if a remedy is proved, 1 if none is, 3 if the budget was too small, 4 if nothing can be
        proved.

    Raises:
        UsageError: There is no such script, or the run file does not say how it was started.
        Interrupted: Ctrl-C; nothing is left.
    """
    program, recorded = asked_for(target, arguments, module)
    folder = wanted.output and proof_folder(wanted.output)
    timeout = seconds_for(recorded) if wanted.timeout is None else wanted.timeout
    kept = None if folder is None else KeptArms(folder / ARMS)
    arms = Arms(program, timeout, wanted.allow_network, **_hands(wanted), kept=kept)
    try:
        with arms:
            with Progress("prove", every=ALIVE, is_drawn=False) as progress:
                if recorded is None:
                    progress.at("training once to see what is wrong", 0, 0)
                plan = planned(
                    arms, wanted.measure, recorded, auto=wanted.auto, is_dry=wanted.dry_run
                )
            if wanted.dry_run:
                _print(_planned(plan, wanted), wanted)
                return 0 if plan.candidates else CODES[Conclusion.NOTHING]
            if plan.candidates:
                say(price(plan, wanted.limits))
            with Progress("prove", every=ALIVE, is_drawn=False):
                proof = prove(arms, plan, wanted.limits, say)
    except CannotRun as error:
        refusal = {"schema": SCHEMA, "conclusion": None, "reason": str(error)}
        said_so = said(str(error), "errors")
        _print(json.dumps(refusal, indent=2) if wanted.json_output else said_so, wanted)
        return UNFAIR
    except KeyboardInterrupt:
        say(GOES_ON if kept else NOT_KEPT)
        raise Interrupted from None
    if kept is not None and kept.taken:
        say(f"{counted(kept.taken, 'training')} of an earlier attempt did not have to be repeated.")
    _deliver(proof, program.target, folder, wanted)
    return CODES[proof.conclusion]


def _hands(wanted: Wanted) -> dict[str, Any]:
    """Who trains the arms, and how many at a time."""
    if wanted.on == "local":
        return {"jobs": wanted.jobs or 1}
    if wanted.on != "ray":
        raise UsageError(f"--on {cut(wanted.on)} is unknown; expected local or ray.")
    from lifesigns.prove.ray_arms import on_ray, processors

    return {"jobs": wanted.jobs or processors(), "carry_out": on_ray}


def _planned(plan: Plan, wanted: Wanted) -> str:
    if wanted.json_output:
        return json.dumps(plan_as_json(plan, wanted.limits), indent=2)
    return "\n".join(said(line, "prove") for line in of_plan(plan, wanted.limits))


def _deliver(proof: Proof, target: str, folder: Path | None, wanted: Wanted) -> None:
    patch = proof.chosen.patch(root_of(proof.plan)) if proof.chosen is not None else ""
    noted = json.dumps(proof_as_json(proof), indent=2)
    if folder is not None:
        _outputs.write(folder / "proof.html", proof_html(proof, target, patch))
        if proof.pairs:
            _outputs.write(folder / "comparison.html", comparison_page(proof.pairs[-1]))
        if patch:
            _outputs.write(folder / "fix.patch", patch)
        _outputs.write(folder / PROOF, f"{noted}\n")
    lines = (said(line, "prove") for line in of_proof(proof, target))
    _print(noted if wanted.json_output else "\n".join(lines), wanted)
    if patch and not wanted.json_output:  # as it is, for `git apply` reads it here, too
        print(f"\n{_encoded(patch)}", end="", flush=True)
    if wanted.apply:
        _apply(proof)


def _print(text: str, wanted: Wanted) -> None:
    shown = text if wanted.json_output else for_terminal(text, sys.stdout)
    print(encodable(shown, _encoding()), flush=True)


def _encoded(text: str) -> str:
    """What standard output cannot carry is escaped; the text stays the same where it can."""
    return text.encode(_encoding(), "backslashreplace").decode(_encoding())


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def _apply(proof: Proof) -> None:
    if proof.conclusion is not Conclusion.PROVED or proof.chosen is None:
        say("Nothing was written: only what is proved is.")
    elif not proof.chosen.sources:
        say(f"Nothing was written: {said(proof.chosen.refusal, 'refusals')}.")
    else:
        for line in write(proof.chosen):
            say(line)
