"""LOS009: the same prediction for every input."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.output import is_output
from lifesigns.evidence.scales import weight_gains
from lifesigns.evidence.signal import fade, is_extinct
from lifesigns.evidence.sites import listed
from lifesigns.evidence.suspects import too_large
from lifesigns.evidence.thresholds import FADING_SIGNAL, SATURATED
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import (
    Finding,
    Kind,
    LossReading,
    ParameterReading,
    Quantity,
    Remedy,
    Severity,
    Site,
    SiteReading,
    Snapshot,
    Trace,
    UnitSums,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SMALL_WEIGHTS = Threshold(
    0.03, "weights' RMS times √fan-in called small", "a thirtieth of Glorot & Bengio 2010"
)
SPREAD = Threshold(1e-6, "range of outputs over range of targets", "ten times float32's rounding")

ROUNDING = 4 * float(np.finfo(np.float32).eps)


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream; a zero-initialised last layer before its first step is fine."""
    recent = [s for s in stream.latest if s.step > 0 and s.loss]
    if recent and stream.course.targets_vary and all(map(_is_constant, recent)):
        if _has_left(stream):
            return
        yield _finding(stream, recent[-1])
    elif recent and (unread := _without_gradient(stream)):
        yield from _unread_heads(stream, recent, unread)


def _has_left(stream: Stream) -> bool:
    """Whether the loss, once no step was recorded any more, went below that of any constant."""
    rest = stream.course.tail()
    end = stream.steps[-len(rest)] if 0 < len(rest) <= len(stream.steps) else 0
    return stream.course.is_below_constant and stream.last.step < end


def _is_constant(snapshot: Snapshot) -> bool:
    return snapshot.loss is not None and _compares_one_value(snapshot.loss)


def _compares_one_value(loss: LossReading) -> bool:
    """Every output unit has one value for the whole batch, up to rounding, and targets differ."""
    if loss.prediction is None or loss.target is None:
        return False
    sums = loss.prediction
    if not ((sums.count > 1).all() and sums.units and (sums.nonfinite == 0).all()):
        return False
    spread = 1.0 if loss.target.is_index else float(loss.target.sums.span.max())
    return spread > 0 and _is_level(sums, SPREAD * spread)


def _is_level(sums: UnitSums, tolerance: float = 0.0) -> bool:
    size = np.maximum(np.abs(sums.minimum), np.abs(sums.maximum))
    return bool((sums.span <= tolerance + ROUNDING * size).all())


def _finding(stream: Stream, last: Snapshot) -> Finding:
    loss = last.loss
    assert loss is not None
    assert loss.prediction is not None
    origin = _origin(last)
    place, causes, remedy = _cause(stream, last, origin)
    site = origin or _still_differing(last)
    first = stream.since(_is_constant)
    leading = too_large(stream, first)
    batch = int(loss.prediction.count.max())
    widest = float(loss.prediction.span.max())
    return RULE.finding(
        Severity.ERROR,
        f"the output is the same for every recorded input since step {first}",
        site=site.name if site else "",
        step=first,
        measured=f"outputs differ by {widest:.2g} over a batch of {batch} while targets vary"
        + (f"; {place}" if place else "")
        + "".join(f"; {suspect.evidence}" for suspect in leading),
        expected=f"outputs that differ by more than {SPREAD:g} of the targets' range",
        certainty="exact, in every recorded step from there on",
        causes=tuple(dict.fromkeys((*(s.cause for s in leading), *causes)))[:3],
        remedies=(*(suspect.remedy for suspect in leading), remedy),
        evidence={"output_spread": widest, "batch": batch},
    )


def _without_gradient(stream: Stream) -> list[str]:
    """Weights that have no gradient in any recorded step: they multiply nothing but zeros."""
    counted = [{p.name: p for p in shot.parameters if p.reached} for shot in stream.snapshots]
    return [
        p.name
        for p in stream.last.parameters
        if p.trainable
        and len(p.shape) > 1
        and all(p.name in shot and shot[p.name].gradient_is_zero for shot in counted)
    ]


def _unread_heads(
    stream: Stream, recent: Sequence[Snapshot], unread: Sequence[str]
) -> Iterator[Finding]:
    """The first term of a sum that compares one value with targets that differ.

    A learned number, as a baseline of rewards, has one value too, but no weights beside it.
    """
    columns = list(zip(*(_terms(shot.loss) for shot in recent if shot.loss), strict=False))
    for place, column in enumerate(columns):
        if len(columns) > 1 and all(map(_compares_one_value, column)):
            yield _of_one_term(stream, recent, unread, place, column[-1])
            return


def _terms(loss: LossReading) -> tuple[LossReading, ...]:
    return (loss, *loss.others)


def _of_one_term(
    stream: Stream,
    recent: Sequence[Snapshot],
    unread: Sequence[str],
    place: int,
    term: LossReading,
) -> Finding:
    return RULE.finding(
        Severity.WARNING,
        f"what {term.operation} compares, term {place + 1} of the sum, is the same for every input",
        site=unread[0],
        step=stream.first.step,
        measured=f"its predictions do not differ within the batch while its targets vary; the "
        f"gradient of {listed(unread)} is exactly 0 in all {len(stream.snapshots)} recorded steps, "
        "as of weights that multiply zeros",
        expected="predictions that differ from one input to another",
        certainty=f"exact, in the last {len(recent)} recorded steps",
        causes=("wrong_shape", "frozen", "dead_relu"),
        remedies=(_GIVE,),
        evidence={"term": place + 1},
    )


def _origin(snapshot: Snapshot) -> Site | None:
    """The first site, in forward order, whose output no longer depends on the input.

    Behind the last weights only one that is flat itself: the loss's own softmax hands on what it is
    given.
    """
    for site, value in _activations(snapshot):
        index = snapshot.graph.find(site.name)
        if _is_level(value) and (not is_output(snapshot.graph, index) or _flatness(site, value)):
            return site
    return None


def _still_differing(snapshot: Snapshot) -> Site | None:
    """The last site inside the network, in forward order, that tells inputs apart."""
    hidden = (
        site
        for site, value in _activations(snapshot)
        if not _is_level(value) and not is_output(snapshot.graph, snapshot.graph.find(site.name))
    )
    return next(iter(deque(hidden, maxlen=1)), None)


def _activations(snapshot: Snapshot) -> Iterator[tuple[Site, UnitSums]]:
    """Activations and softmaxes of which several values were read, in forward order."""
    for index in snapshot.graph.of_kind(Kind.ACTIVATION, Kind.SOFTMAX):
        reading = snapshot.reading(index)
        if reading and reading.value is not None and (reading.value.count > 1).all():
            yield snapshot.graph.sites[index], reading.value


def _flatness(site: Site, value: UnitSums) -> tuple[str, str, Remedy] | None:
    """How a function itself gives one value for all inputs; None if it does not."""
    facts = ACTIVATIONS.get(site.operation)
    if facts and facts.silent_side and not value.active.any():
        return "all of its units are 0", "dead_relu", _DEAD
    if site.kind is Kind.SOFTMAX and site.shape and site.units == 1:
        return "over one unit", "wrong_output_activation", _HEAD
    if value.saturated.sum() > SATURATED * value.count.sum():
        return "stuck at its flat ends", "saturated", _SCALE
    return None


def _cause(
    stream: Stream, last: Snapshot, origin: Site | None
) -> tuple[str, tuple[str, ...], Remedy]:
    """Where it begins, in words; the causes; what to do."""
    known = {site.name: value for site, value in _activations(last)}
    flatness = _flatness(origin, known[origin.name]) if origin else None
    if origin and flatness:
        how, cause, remedy = flatness
        return f"constant from {origin.name} on, {how}", (cause, "bad_init"), remedy
    zero = next((p for p in last.parameters if len(p.shape) > 1 and p.weight_rms == 0), None)
    if zero:
        return f"constant from {zero.name} on, which is 0", ("bad_init",), _SCALE
    place = f"constant from {origin.name} on" if origin else ""
    if _fades(stream):
        return place, ("vanishing", "bad_init"), _SCALE
    still = None if origin else _still_differing(last)
    place = f"the values at {still.name} still differ" if still else place
    return place, ("wrong_shape", "vanishing", "other"), _CUT_OFF


def _fades(stream: Stream) -> bool:
    """Whether the signal fades with depth from the start, or the weights began far too small."""
    first = stream.first
    small = any(gain < SMALL_WEIGHTS for _, gain in weight_gains(first))
    return small or is_extinct(first) or fade(first) < FADING_SIGNAL


_DEAD = Remedy(
    "Revive the units: a lower learning rate, or a rectifier that keeps a slope.",
    "nn.LeakyReLU(0.01)  # instead of nn.ReLU()",
    edit="swap-activation",
)
_CUT_OFF = Remedy(
    "Look where inputs cease to differ: a mask of the wrong side, a normalisation over one value, "
    "or an index that reads padding cuts the input off.",
    "for name, part in model.named_modules():\n"
    "    part.register_forward_hook(lambda m, i, o, name=name: print(name, o.std(0).max()))",
)
_GIVE = Remedy(
    "Give the head of this term what the network computes: its input is 0.",
    "hidden = self.trunk(x)\nreturn self.first(hidden), self.second(hidden)",
)
_HEAD = Remedy("Two units or more, or no softmax.", "nn.Linear(width, 2)")
_SCALE = Remedy(
    "Initialise at random with a spread that fits the fan-in.",
    "nn.init.xavier_uniform_(layer.weight)\nnn.init.zeros_(layer.bias)",
    edit="initialise",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    outputs: Sequence[float],
    steps: Sequence[int] = (0, 9, 99),
    operations: Sequence[str] = ("linear", "relu", "linear/1"),
    **rest: Any,
) -> Trace:
    graph = example.chain(*operations, "mse_loss", batch=4)
    wanted = rest.get("wanted", [[0.0], [1.0], [2.0], [3.0]])
    loss = LossReading(
        1.0,
        "squared_error",
        "mse_loss",
        site=len(operations),
        prediction=example.sums(np.reshape(outputs, (-1, 1))),
        target=example.target(wanted),
    )
    hidden = SiteReading(1, _hidden(rest.get("hidden", 0.0), graph.sites[1].units))
    return example.trace(
        *(example.snapshot(graph, step=s, loss=loss, sites=[hidden]) for s in steps)
    )


def _two_tasks(second: Sequence[float], *, zero: bool = True) -> Trace:
    """A sum of two squared errors; the weight of the second head perhaps without gradient."""
    first = _example([0.0, 1.0, 2.0, 3.0])
    shots = []
    for shot, other in zip(first.snapshots, _example(second).snapshots, strict=True):
        assert shot.loss is not None
        assert other.loss is not None
        head = ParameterReading("second.weight", (1, 4), gradient_rms=0.1, gradient_is_zero=zero)
        loss = replace(shot.loss, others=(other.loss,))
        shots.append(replace(shot, loss=loss, parameters=(head,)))
    return example.trace(*shots)


def _hidden(values: float | Sequence[float], units: int) -> UnitSums:
    """One value for each of four inputs; 1 is the flat end of a sigmoid."""
    rows = np.broadcast_to(np.reshape(values, (-1, 1)), (4, units))
    return example.sums(rows, saturated=rows == 1)


RULE = Rule(
    code="LOS009",
    name="constant-output",
    title="The same prediction for every input",
    why="If the output does not depend on the input, the best it can predict is the mean of the "
    "targets. Somewhere on the way the input got lost, and the weights before that place receive "
    "no gradient that could bring it back.",
    sees="""
Targets differ, predictions do not. The usual reasons: a layer of ReLUs that is 0 for every input,
a squashing layer stuck at its flat ends, weights of 0, or a softmax over a single unit. The
finding names the first activation whose output no longer changes, or the last that still does: what
lies behind it (a mask, an index, a normalisation over one value) cuts the input off.
""",
    evidence="""
The range of every output unit over the batch is below a millionth of the targets' range (plus
float32 rounding), in every one of the last recorded steps, while targets vary. In a sum of losses
each term's output is looked at; there weights without any gradient must go with it.
""",
    ignore="""
Before the first step: a last layer that starts at 0 is fine, and the rule looks at later steps
only.
""",
    references=(
        "Karpathy 2019, A Recipe for Training Neural Networks: the input-independent baseline",
    ),
    reads=frozenset(
        {Quantity.ACTIVATIONS, Quantity.PARAMETERS, Quantity.UPDATES, Quantity.BATCH, Quantity.LOSS}
    ),
    check=check,
    thresholds={
        "spread": SPREAD,
        "saturated": SATURATED,
        "small_weights": SMALL_WEIGHTS,
        "fading": FADING_SIGNAL,
    },
    explains=("loss-flat", "vanishing-gradient"),
    cases=(
        Case("one value for all", lambda: _example([0.5] * 4), Severity.ERROR),
        Case(
            "only rounding differs", lambda: _example([0.5, 0.5, 0.5 + 6e-8, 0.5]), Severity.ERROR
        ),
        Case(
            "a softmax over one unit",
            lambda: _example([1.0] * 4, operations=("linear/1", "softmax")),
            Severity.ERROR,
        ),
        Case(
            "a sigmoid stuck at its end",
            lambda: _example([0.5] * 4, operations=("linear", "sigmoid", "linear/1"), hidden=1.0),
            Severity.ERROR,
        ),
        Case(
            "what depends on the input is masked behind the hidden layer",
            lambda: _example([0.5] * 4, hidden=[0.1, 0.2, 0.3, 0.4]),
            Severity.ERROR,
        ),
        Case(
            "one head of two is given zeros",
            lambda: _two_tasks([0.5] * 4),
            Severity.WARNING,
        ),
        Case(
            "near miss: one of two predictions is a learned number",
            lambda: _two_tasks([0.5] * 4, zero=False),
            None,
        ),
        Case("two heads that read their input", lambda: _two_tasks([0.5, 0.6, 0.7, 0.8]), None),
        Case("outputs differ", lambda: _example([0.5, 0.6, 0.7, 0.8]), None),
        Case("near miss: before the first step", lambda: _example([0.0] * 4, steps=[0]), None),
        Case("constant targets", lambda: _example([0.5] * 4, wanted=[[1.0]] * 4), None),
        Case("readings missing: no predictions", lambda: example.unread(_example([0.5] * 4)), None),
    ),
)
