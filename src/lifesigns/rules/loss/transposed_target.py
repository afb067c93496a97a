"""LOS064: the target lies across the output: two dimensions of one length are exchanged."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

GIVEN, EXCHANGED = "as_given", "exchanged"
"""Details of a loss: mean distance of outputs to targets, as given and exchanged, if nearer."""
FIRST, SECOND = "exchanged_dim", "exchanged_with"
"""Details of a loss: the dimensions that are exchanged."""
NEARER = Threshold(
    0.75,
    "distance to exchanged targets over that to the targets as given",
    "arithmetic: 1 for outputs that resemble neither, above 1 for a fit",
)
MUCH = Threshold(
    0.5, "share of the distance that is left, for an error", "a definition: half the distance"
)
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = [loss.details for loss in stream.readings if GIVEN in loss.details]
    late = [s.loss.details for s in stream.latest if s.loss and GIVEN in s.loss.details]
    if len(late) < len(stream.latest):
        return
    given, exchanged = (sum(details[name] for details in late) for name in (GIVEN, EXCHANGED))
    pairs = {(details[FIRST], details[SECOND]) for details in late}
    nearer = [d for d in marked if d[EXCHANGED] <= NEARER * d[GIVEN]]
    each = all(details in nearer for details in late)
    if not each or len(nearer) < STEPS or len(pairs) > 1 or not given > 0:
        return
    first, second = (int(dim) for dim in pairs.pop())
    yield RULE.finding(
        Severity.ERROR if exchanged <= MUCH * given else Severity.WARNING,
        f"outputs fit their targets better with dimensions {first} and {second} of these exchanged",
        step=stream.first.step,
        measured=f"the mean distance to the targets is {given / len(late):.3g} in the last quarter "
        f"of the recorded steps, and {exchanged / len(late):.3g} with the dimensions exchanged"
        f"{stream.course.remark}",
        expected="outputs and targets with the same order of dimensions",
        certainty=f"in {len(nearer)} of {len(stream.readings)} recorded steps",
        causes=("wrong_shape", "wrong_labels"),
        remedies=(_EXCHANGE, _STACK),
        evidence={"distance": given / len(late), "exchanged": exchanged / len(late)},
    )


_EXCHANGE = Remedy(
    "Bring the dimensions of the target into the order of the output.",
    "y = y.transpose(0, 1)",
    edit="transpose-target",
)
_STACK = Remedy(
    "Or stack it that way from the start.",
    "y = torch.stack(parts, dim=1)",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(exchanged: float | None, losses: Iterable[float] = example.FLAT) -> Trace:
    """Outputs at a distance of 1, and so far from the exchanged targets; None for no square."""
    marks = {GIVEN: 1.0, EXCHANGED: exchanged or 0.0, FIRST: 0.0, SECOND: 1.0}
    known = example.regression(tuple(losses), update=1e-3)
    return example.marked(known, {} if exchanged is None else marks)


RULE = Rule(
    code="LOS064",
    name="transposed-target",
    title="The target's dimensions are in another order than the output's",
    why="Where two dimensions are of one length, a target that lies across the output has the same "
    "shape, and nothing complains. Each output is then compared with the target of another place.",
    sees="""
Outputs of `(time, batch, units)` against targets of `(batch, time, units)`, with as many times as
samples; a square map against its transpose. The loss falls to a mean over what was mixed up.
""",
    evidence="""
The mean distance of outputs to targets, and to the targets with each pair of dimensions of one
length exchanged, in the recorded steps. A network that learns from its targets is nearer to them as
they are; an alarm if it is clearly nearer to the exchanged ones, in all of the last recorded steps
and in three at least.
""",
    ignore="""
Targets that are the same across, such as maps of contacts, are as far either way. Images are looked
at by another rule, flipped-apart.
""",
    references=("PyTorch, `nn.LSTM`: batch_first",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"nearer": NEARER, "much": MUCH, "steps": STEPS},
    explains=(
        "loss-flat",
        "stopped-early",
        "constant-output",
        "labels-unrelated",
        "alike-along-dimension",
        "rate-too-low",
    ),
    cases=(
        Case("a fifth of the distance", lambda: _example(0.2), Severity.ERROR),
        Case("half the distance", lambda: _example(0.5, example.FALLING), Severity.ERROR),
        Case("two thirds of it", lambda: _example(0.66), Severity.WARNING),
        Case("near miss: the same across", lambda: _example(1.0), None),
        Case("near miss: nearer, not by much", lambda: _example(0.8), None),
        Case("near miss: no two dimensions of one length", lambda: _example(None), None),
        Case("readings missing: no loss", lambda: example.unread(_example(0.2)), None),
    ),
)
