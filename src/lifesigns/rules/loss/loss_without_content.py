"""LOS031: the loss is exactly 0 from the first step on, and so is its gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.blocked import Block, block_from_above, unknown_block
from lifesigns.evidence.course_in_words import length
from lifesigns.evidence.thresholds import ENOUGH_STEPS
from lifesigns.records import (
    Finding,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

RECORDED = Threshold(2, "recorded steps before 'never' is said", "definition")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    enough = len(stream.losses) >= ENOUGH_STEPS and len(stream.snapshots) >= RECORDED
    if enough and not stream.losses.any() and all(map(_asks_nothing, stream.snapshots)):
        yield _finding(stream, _reason(stream.first))


def _asks_nothing(snapshot: Snapshot) -> bool:
    """Whether no parameter that the loss reaches gets a gradient."""
    reached = [p for p in snapshot.parameters if p.trainable and p.reached]
    return bool(reached) and all(p.gradient_is_zero for p in reached)


def _reason(snapshot: Snapshot) -> Block:
    """What in the loss makes it 0."""
    loss = snapshot.loss
    if loss is not None and loss.kind == "ctc" and loss.ignored_all:
        reason = "no input is long enough for its text, and each infinite loss is made 0"
        return Block("", reason, ("wrong_shape", "wrong_loss", "other"), (_LENGTHS,))
    if loss is not None and loss.ignored_all:
        return Block("", "every target is ignored", ("wrong_labels", "other"), (_COUNT,))
    found = block_from_above(snapshot)
    if found is None:
        found = unknown_block(snapshot)
        return replace(found, causes=("wrong_loss", "other"), remedies=(_LOOK,))
    return replace(found, causes=("wrong_loss", *found.causes)[:3], remedies=(_LOOK,))


def _finding(stream: Stream, why_zero: Block) -> Finding:
    long = length(stream.course)
    return RULE.finding(
        Severity.ERROR,
        f"the loss is exactly 0 in each of {long}: {why_zero.reason}",
        site=why_zero.site,
        step=stream.first.step,
        measured=f"loss 0 in all of {long}, and a gradient of exactly 0 for all "
        f"parameters in {len(stream.snapshots)} recorded ones; {why_zero.reason}",
        expected="a loss that says which outputs are wrong",
        causes=tuple(dict.fromkeys(why_zero.causes)),
        remedies=why_zero.remedies,
        evidence={"steps": len(stream.losses), "recorded_steps": len(stream.snapshots)},
    )


_LENGTHS = Remedy(
    "Give CTC the lengths that the network puts out, and let an infinite loss be seen at first.",
    "lengths = torch.full((len(x),), log_probabilities.shape[0])\n"
    "loss = nn.CTCLoss(zero_infinity=False)(log_probabilities, text, lengths, text_lengths)",
)
_COUNT = Remedy(
    "Count the targets that are left.", "print((target != ignore_index).sum(), target.unique())"
)
_LOOK = Remedy(
    "Look at what enters the loss: masks and weights of zeros, margins that are always met.",
    "print(mask.sum(), output.min(), output.max(), target.min(), target.max())",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(losses: Sequence[float], *, still: bool = True, **reading: Any) -> Trace:
    graph = example.chain("linear", "relu", "linear/1", "relu", batch=8)
    passed = SiteReading(3, None, example.sums(np.ones((8, 1))), example.sums(np.zeros((8, 1))))
    shot = example.snapshot(
        graph,
        sites=[passed] if still else [],
        parameters=example.weights(graph, gradient_is_zero=still, gradient_rms=1.0 - still),
        loss=replace(LossReading(losses[0]), **reading),
    )
    return example.trace(*(replace(shot, step=s) for s in (0, 30)), losses=losses)


_NOTHING = (0.0,) * 100

RULE = Rule(
    code="LOS031",
    name="loss-without-content",
    title="The loss is exactly 0 from the first step on",
    why="A loss of exactly 0 says that there is nothing to improve, and its gradient is 0 as well. "
    "An untrained network is never perfect, so it is the loss that does not look.",
    sees="""
A loss that cannot see a mistake: every target is ignored, a mask is nothing but zeros, a margin is
met by any output, or CTC is told lengths that are too short for the text and `zero_infinity` hides
it. The curve is a line at 0, which looks like a network that has learnt.
""",
    evidence="""
The loss of every step is exactly 0, and in every recorded step so is the gradient of every
parameter that the loss reaches. No statistics are involved.
""",
    ignore="""
A reward that has not come yet, or a network that has been trained on the same task before, may give
this for a while; a single step with another loss ends it.
""",
    references=("PyTorch, `torch.nn.CTCLoss`: zero_infinity and input_lengths",),
    reads=frozenset({Quantity.PARAMETERS, Quantity.GRADIENTS, Quantity.LOSS}),
    check=check,
    thresholds={"recorded": RECORDED, "steps": ENOUGH_STEPS},
    explains=("loss-flat", "zero-gradient", "dead-units", "constant-output"),
    cases=(
        Case("a margin that is always met", lambda: _example(_NOTHING), Severity.ERROR),
        Case(
            "CTC with lines too short for their text",
            lambda: _example(_NOTHING, kind="ctc", ignored_all=True),
            Severity.ERROR,
        ),
        Case("no target counts", lambda: _example(_NOTHING, ignored_all=True), Severity.ERROR),
        Case("near miss: 0 but in one step", lambda: _example((*_NOTHING, 0.1)), None),
        Case("near miss: a gradient all the same", lambda: _example(_NOTHING, still=False), None),
        Case("the first steps", lambda: _example(_NOTHING[:31]), None),
        Case("readings missing: no gradients", lambda: example.unread(_example(_NOTHING)), None),
    ),
)
