"""LOS100: of several heads that are asked one after the other the loss reads the last alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

UNREAD, AT = "unread_heads", "last_head_at"
"""Details of a loss: how many parts of a container are in none, and a site of the one that is."""
OFTEN = Threshold(3, "recorded steps in which no other head is read", "heads may take turns")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding: in all recorded passes the same part is read, and no other ever."""
    shots = [shot for stream in run.streams for shot in stream.snapshots if shot.loss]
    told = [(shot, shot.loss.details) for shot in shots if shot.loss and _is_told(shot.loss)]
    if len(told) < max(OFTEN, len(shots)):
        return
    first, details = min(told, key=lambda one: one[0].step)
    names = {shot.graph.sites[int(found[AT])].module for shot, found in told}
    if len(names) > 1:
        return
    (name,) = names
    unread = round(details[UNREAD])
    yield RULE.finding(
        Severity.WARNING,
        f"{counted(unread, 'part')} called right before {name} and beside it: in no loss, what the "
        "last one says has taken their place",
        site=name,
        step=first.step,
        measured=f"{counted(unread, 'module')} of one container ran in training mode, one right "
        f"after the other and then {name}, and the graph of the loss holds nothing of them, in all "
        f"{len(told)} recorded passes",
        expected="a loss that reads what each of them says",
        certainty=f"exact, in {len(told)} passes",
        causes=("wrong_loss", "other"),
        remedies=(_ADD, _HAND_ON),
        evidence={"unread": unread, "passes": len(told)},
    )


def _is_told(loss: LossReading) -> bool:
    return loss.details.get(UNREAD, 0) > 0


_ADD = Remedy(
    "Add the losses of the loop up.",
    "loss = sum(criterion(outputs[name], y[name]) for name in heads)  # not: loss = criterion(...)",
)
_HAND_ON = Remedy(
    "If they are layers, hand on what each of them makes.",
    "for layer in layers:\n    x = layer(x)  # not: out = layer(x)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(*unread: float, losses: Sequence[float] = example.FALLING) -> Trace:
    """Recorded passes in which so many parts before the last one are in no loss."""
    known = example.regression(losses, update=1e-3)
    return example.marked_each(known, [{UNREAD: number, AT: 0.0} for number in unread])


RULE = Rule(
    code="LOS100",
    name="only-the-last-counts",
    title="Of several heads the last alone is in the loss",
    why="What is assigned anew in each turn of a loop holds what the last turn made. The losses of "
    "the other heads were computed and are gone, none of their weights gets a gradient, and what "
    "they say stays what it was at the start while the last one learns.",
    sees="""
Several heads over one trunk, as for the attributes of a picture, in an `nn.ModuleDict` or an
`nn.ModuleList`, and a loop with `loss = criterion(...)` where `loss = loss + criterion(...)` was
meant; or layers of a list, each of which is given the input in place of what the one before made.
The loss falls as it should: it is that of the last head.
""",
    evidence="""
Modules of one container that was not called itself ran in training mode one right after the other,
each once, with parameters that train. In all recorded passes the graph of the loss holds nodes of
the last, always the same, and none of the others, nor anything that was made in between. Exact.
""",
    ignore="""
Heads at several depths of a network, of which the deepest alone is trained, have layers between
them that the loss reads. Heads that take turns, as one for each task, are read in other passes.
Heads that are attributes of the network, and those whose parameters are frozen, are not looked at;
`detached-parameters` lists what no loss reaches.
""",
    references=("PyTorch, `torch.nn.ModuleDict`; Caruana 1997, Multitask Learning",),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"often": OFTEN},
    explains=("detached-parameters",),
    cases=(
        Case("three others in all passes", lambda: _example(3, 3, 3, 3), Severity.WARNING),
        Case(
            "one other, and nothing falls",
            lambda: _example(1, 1, 1, losses=example.FLAT),
            Severity.WARNING,
        ),
        Case("near miss: in turns", lambda: _example(3, 0, 3, 0), None),
        Case("near miss: two passes", lambda: _example(3, 3), None),
        Case("readings missing: no loss", lambda: example.unread(_example(3, 3, 3, 3)), None),
    ),
)
