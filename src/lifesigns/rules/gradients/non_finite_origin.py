"""GRD004: the first operation that turned finite numbers into NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted, is_hidden
from lifesigns.evidence.thresholds import CALIBRATED
from lifesigns.records import (
    Finding,
    Floats,
    Graph,
    Kind,
    LossReading,
    NonFinite,
    Quantity,
    Remedy,
    Severity,
    Site,
    Snapshot,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

GROWTH = Threshold(10, "rise of the loss over its minimum called growth", CALIBRATED)
LAST = Threshold(
    3, "last steps with a finite loss, of which the largest counts", "the fewest with a middle"
)
TINY = Threshold(1e-12, "size of a loss that is as good as 0", "far below float32's rounding, 1e-7")

LOGARITHMS = frozenset({"log", "log2", "log10", "log1p", "xlogy"})
EDGES = frozenset({*LOGARITHMS, "sqrt", "rsqrt", "div", "reciprocal", "acos", "asin", "norm"})
"""Operations that are not finite at the edge of where they are defined; all others overflow."""

SUMMARIES = frozenset({"mean", "sum", "neg", "mul"})
"""Operations that pass a NaN on; named where the one before them kept no value."""
_Diagnosis = tuple[tuple[str, ...], tuple[Remedy, ...]]


def check(stream: Stream) -> Iterable[Finding]:
    """One finding per stream: the first step that was not finite."""
    snapshots = stream.snapshots
    hit = next((s for s in snapshots if s.nonfinite is not None), None)
    losses = stream.losses
    if hit is not None and hit.nonfinite is not None:
        origin = _origin(stream)
        diagnosis = _diagnose(hit, hit.nonfinite, origin, grew=_grew(losses))
        harmful = _does_harm(snapshots, hit, losses)
        between = hit.nonfinite.phase == "parameters" and not _grew(losses)
        if steep := _steep(hit.graph) if between else []:
            yield _at_an_edge(hit, hit.nonfinite, steep, harmful=harmful)
        else:
            yield _located(hit, hit.nonfinite, diagnosis, harmful=harmful)
    elif not np.isfinite(losses).all():
        broken = int(stream.steps[~np.isfinite(losses)][0])
        yield _unlocated(broken, _origin(stream), grew=_grew(losses))


def _origin(stream: Stream) -> str:
    """What makes numbers grow over the steps: raw inputs, large weights, or else the rate."""
    if stream.is_raw:
        return "unnormalised_input"
    return "bad_init" if stream.has_large_weights else "lr_too_high"


def _does_harm(snapshots: Sequence[Snapshot], hit: Snapshot, losses: Floats) -> bool:
    """Infinities can be meant (an attention mask) or thrown away (a skipped loss-scaling step)."""
    later = [s for s in snapshots if s.step > hit.step]
    broken = any(p.nonfinite_weights for s in (hit, *later) for p in s.parameters)
    lost = hit.loss is not None and not np.isfinite(hit.loss.value)
    survived = any(s.nonfinite is None for s in later)
    meant = hit.nonfinite is not None and hit.nonfinite.phase == "forward"
    return lost or broken or not np.isfinite(losses).all() or not (survived or meant)


def _located(
    snapshot: Snapshot, origin: NonFinite, diagnosis: _Diagnosis, *, harmful: bool
) -> Finding:
    causes, remedies = diagnosis
    seen = f"inputs {origin.input_minimum:.3g} … {origin.input_maximum:.3g}"
    known = np.isfinite([origin.input_minimum, origin.input_maximum]).all()
    return RULE.finding(
        Severity.ERROR if harmful else Severity.NOTE,
        f"{_PLACES[origin.phase].format(o=origin)} at step {snapshot.step}",
        site=origin.place,
        step=snapshot.step,
        measured=f"{counted(origin.count, 'non-finite value')}, first in the "
        f"{origin.phase} at {origin.place}"
        + (f" ({origin.operation}" + (f", {seen})" if known else ")") if origin.operation else "")
        + (f", {_rows(origin)} in which a mask leaves nothing" if origin.masked_rows else ""),
        expected="finite numbers throughout",
        causes=causes,
        remedies=remedies,
        evidence={
            "count": origin.count,
            "input_minimum": origin.input_minimum,
            "input_maximum": origin.input_maximum,
        },
    )


def _steep(graph: Graph) -> list[Site]:
    """Operations with nothing before them that keeps their input from the edge."""
    return [s for s in graph.sites if s.details.get("steep_edge")]


def _at_an_edge(
    snapshot: Snapshot, origin: NonFinite, steep: Sequence[Site], *, harmful: bool
) -> Finding:
    """Nothing grew, and the step before was not recorded: what is left is a gradient at an edge."""
    words = ", ".join(dict.fromkeys(site.operation for site in steep))
    return RULE.finding(
        Severity.ERROR if harmful else Severity.NOTE,
        f"{_PLACES['parameters'].format(o=origin)} at step {snapshot.step}, and nothing had grown: "
        f"the gradient of {words} is infinite at the edge of its domain",
        site=steep[0].name,
        step=snapshot.step,
        measured=f"{counted(origin.count, 'non-finite value')}, first in the parameters at "
        f"{origin.place}; the losses before it did not grow, and nothing keeps the input of "
        f"{', '.join(site.name for site in steep[:3])} away from where the gradient is infinite",
        expected="finite numbers throughout",
        certainty="exact, in the recorded steps; which operation it was, by elimination",
        causes=("wrong_loss", "nan"),
        remedies=(_GUARD, _LOWER),
        evidence={"count": origin.count, "steep": len(steep)},
    )


def _rows(origin: NonFinite) -> str:
    return "1 row" if origin.masked_rows == 1 else f"{origin.masked_rows} rows"


_PLACES = {
    "forward": "{o.operation} at {o.place} gave the first NaN or infinity",
    "backward": "the gradient of {o.operation} at {o.place} gave the first NaN or infinity",
    "parameters": "the parameter {o.place} was already NaN or infinite",
    "batch": "the input already holds {o.count} NaN or infinite values",
    "data": "what {o.operation} at {o.place} is given for a target holds NaN or infinite values",
}


def _unlocated(step: int, origin: str, *, grew: bool) -> Finding:
    return RULE.finding(
        Severity.ERROR,
        f"the loss became NaN or infinite at step {step}",
        step=step,
        measured="the loss of this step, which was not recorded itself; the losses before it "
        + ("grew step by step" if grew else "did not grow"),
        expected="a finite loss",
        causes=_GREW[origin][0] if grew else ("nan", "exploding"),
        remedies=(
            *(_GREW[origin][1] if grew else ()),
            Remedy("Record every step to see where it starts.", "lifesigns.watch(model, every=1)"),
        ),
    )


def _diagnose(snapshot: Snapshot, origin: NonFinite, why: str, *, grew: bool) -> _Diagnosis:
    """Causes and first remedies, by what happened and where."""
    if origin.phase in ("batch", "data"):
        left_out = bool(snapshot.loss and np.isfinite(snapshot.loss.value))
        missing = (_LEAVE_OUT, _LOOK_AT_TARGETS) if left_out else (_LOOK_AT_TARGETS, _LEAVE_OUT)
        return ("other", "nan"), (_CLEAN,) if origin.phase == "batch" else missing
    if origin.phase == "parameters":
        return _GREW[why] if grew else (("nan", "lr_too_high"), (_LOWER,))
    if origin.masked_rows:
        return ("nan", "wrong_shape"), (_KEEP_ONE, _MASK_KEYS)
    if origin.operation in EDGES | SUMMARIES:
        if origin.operation in LOGARITHMS or _takes_logarithm(snapshot):
            return ("wrong_loss", "wrong_output_activation", "nan"), (_STABLE,)
        return ("wrong_loss", "nan"), (_GUARD,)
    return _overflow(snapshot, why, grew=grew)


def _takes_logarithm(snapshot: Snapshot) -> bool:
    """A logarithm behind the last weighted layer: the loss takes it of the outputs."""
    graph = snapshot.graph
    logs = [i for i in graph.of_kind(Kind.OTHER) if graph.sites[i].operation in LOGARITHMS]
    return any(not is_hidden(graph, i) for i in logs)


def _overflow(snapshot: Snapshot, why: str, *, grew: bool) -> _Diagnosis:
    graph = snapshot.graph
    exponentials = [i for i in graph.of_kind(Kind.ACTIVATION) if graph.sites[i].operation == "exp"]
    if len(exponentials) > 1:
        return ("exploding", "nan"), (_BOUNDED,)
    if why == "unnormalised_input" or (grew and snapshot.step > 0):
        return _GREW[why]
    if snapshot.step == 0:
        return ("bad_init", "exploding", "nan"), (_INITIALISE,)
    return ("exploding", "nan"), (_LOWER, _CLIP)


def _grew(losses: Floats) -> bool:
    """Whether the last finite losses lie far above the lowest one before them."""
    broken = np.flatnonzero(~np.isfinite(losses))
    before = losses[: broken[0]] if len(broken) else losses
    if len(before) < 2:
        return False
    low = float(before.min())
    rise = float(before[-int(LAST) :].max()) - low
    return rise / max(abs(low), TINY) > GROWTH


_CLEAN = Remedy(
    "Clean the data before training.", "assert torch.isfinite(x).all()\nx = torch.nan_to_num(x)"
)
_LOOK_AT_TARGETS = Remedy(
    "Look how the targets are made: an empty cell, a logarithm of 0 or less, a division by 0.",
    "assert torch.isfinite(target).all()",
)
_LEAVE_OUT = Remedy(
    "Leave out what is missing before the arithmetic: behind it the gradient is 0 times NaN.",
    "known = torch.isfinite(target)\nloss = F.mse_loss(output[known], target[known])",
)
_LOWER = Remedy(
    "Lower the learning rate tenfold.",
    "for group in optimizer.param_groups:\n    group['lr'] *= 0.1",
    edit="scale-rate",
)
_CLIP = Remedy(
    "Cut the gradient to a bounded length before the step.",
    "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
    edit="clip-gradient",
)
_STABLE = Remedy(
    "Take the logarithm inside a loss that is stable: give it raw outputs.",
    "loss = F.cross_entropy(logits, target)\n"
    "# two classes: F.binary_cross_entropy_with_logits(logits, target)",
    edit="swap-loss",
)
_KEEP_ONE = Remedy(
    "Leave each row of a mask at least one place: a softmax of nothing but -inf is NaN.",
    "mask = mask | ~mask.any(-1, keepdim=True)\nscores = scores.masked_fill(~mask, float('-inf'))",
)
_MASK_KEYS = Remedy(
    "Mask the keys, the last axis of the scores; not the queries.",
    "mask = is_token[:, None, None, :]  # batch, heads, queries, keys",
)
_GUARD = Remedy(
    "Keep the operation away from the edge of where it is defined.",
    "y = torch.sqrt(x + 1e-8)  # or x / (y + 1e-8)",
    edit="guard-domain",
)
_BOUNDED = Remedy(
    "Use a hidden activation that does not grow exponentially.",
    "nn.ReLU()  # instead of torch.exp",
    edit="swap-activation",
)
_SCALE = Remedy(
    "Bring the inputs to mean 0 and spread 1.",
    "x = (x - x.mean(0)) / x.std(0)",
    edit="standardise-inputs",
)
_INITIALISE = Remedy(
    "Initialise so that the signal keeps its scale.",
    "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",
    edit="initialise",
)

_GREW: dict[str, _Diagnosis] = {
    "lr_too_high": (("lr_too_high", "exploding", "nan"), (_LOWER, _CLIP)),
    "bad_init": (("bad_init", "exploding", "nan"), (_INITIALISE, _LOWER)),
    "unnormalised_input": (
        ("unnormalised_input", "lr_too_high", "exploding", "nan"),
        (_SCALE, _LOWER),
    ),
}
"""Numbers that grew over the steps, by what made them grow."""


# --- cases ----------------------------------------------------------------------------------------
_NAN = float("nan")
_OF_INPUT = NonFinite("batch", "input", "", 8)
_OF_TARGET = NonFinite("data", ":mse_loss#0", "mse_loss", 2)
_ROOT = ("linear", "relu", "sqrt", "linear", "mse_loss")
_LINEAR_OVERFLOW = NonFinite("forward", "2:linear#0", "linear", 8)
_EXPONENTIALS = ("linear", "exp", "linear", "exp", "linear", "mse_loss")


def _example(origin: NonFinite | None, losses: Sequence[float], *operations: str) -> Trace:
    graph = example.chain(*(operations or ("linear", "relu", "linear", "log")))
    last = len(losses) - 1
    shot = example.snapshot(graph, step=last, loss=LossReading(losses[-1]), nonfinite=origin)
    return example.trace(shot, losses=losses)


def _already(losses: Sequence[float], *, guarded: bool) -> Trace:
    """Parameters that were spoilt between two recorded steps, with a root in the loss."""
    known = example.chain("linear", "relu", "linear", "sqrt")
    *rest, root = known.sites
    details = {} if guarded else {"steep_edge": 1.0}
    graph = Graph((*rest, replace(root, details=details)), known.edges)
    origin = NonFinite("parameters", "2.bias", "", 8)
    last = len(losses) - 1
    shot = example.snapshot(graph, step=last, loss=LossReading(losses[-1]), nonfinite=origin)
    return example.trace(shot, losses=losses)


RULE = Rule(
    code="GRD004",
    name="non-finite-origin",
    title="The first operation that gave NaN or infinity",
    why="NaN and infinity spread through every sum they enter, so one of them ruins the loss and, "
    "one step later, all weights. The message appears far from where the trouble starts; what "
    "helps is the first operation whose inputs were still finite.",
    sees="""
A logarithm of 0, a division by 0, an exponential that is too large: a single operation produces
the first infinity, and after the next step every weight is NaN. There is no way back from there.
""",
    evidence="""
The step is searched in order: batch, parameters, forward with the targets, backward (and there,
whether targets that are not finite were left out after they were computed with). The first
operation whose inputs were finite and whose result was not is named, with the range of its inputs.
The losses before it tell whether the numbers grew over the steps (the learning rate) or were too
large from the start (initialisation, input scale, stacked exponentials). Of a softmax, rows are
counted in which a mask leaves nothing. Where parameters were spoilt in a step that was not recorded
and nothing grew before, operations are named whose gradient is infinite at the edge of their domain
(`sqrt` and `std` at 0, `acos` at 1) and whose input nothing keeps away from it.
""",
    ignore="""
Infinities that never reach the loss (a mask inside attention), and gradients that overflow in
mixed precision and are skipped by the loss scaler, are notes.
""",
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 4.1: overflow and underflow",
        "Micikevicius et al. 2018, Mixed Precision Training",
    ),
    reads=frozenset({Quantity.GRADIENTS, Quantity.PARAMETERS, Quantity.BATCH, Quantity.LOSS}),
    check=check,
    thresholds={"growth": GROWTH, "last": LAST, "tiny": TINY},
    explains=("loss-diverges", "loss-flat", "constant-output", "exploding-gradient"),
    cases=(
        Case("NaN among the targets", lambda: _example(_OF_TARGET, [_NAN]), Severity.ERROR),
        Case("left out too late", lambda: _example(_OF_TARGET, [1.0, _NAN]), Severity.ERROR),
        Case(
            "logarithm of an output below 0",
            lambda: _example(NonFinite("forward", "3:log#0", "log", 8, -1.0, 2.0), [1.0, _NAN]),
            Severity.ERROR,
        ),
        Case(
            "overflow after growing losses",
            lambda: _example(
                NonFinite("forward", "0:linear#0", "linear", 8), [1.0, 1e9, 1e30, np.inf]
            ),
            Severity.ERROR,
        ),
        Case("NaN in the input", lambda: _example(_OF_INPUT, [1.0, _NAN]), Severity.ERROR),
        Case(
            "square root of a number below 0",
            lambda: _example(
                NonFinite("forward", "2:sqrt#0", "sqrt", 8, -1.0, 2.0), [1.0, _NAN], *_ROOT
            ),
            Severity.ERROR,
        ),
        Case(
            "stacked exponentials",
            lambda: _example(_LINEAR_OVERFLOW, [1.0, np.inf], *_EXPONENTIALS),
            Severity.ERROR,
        ),
        Case(
            "a mask that leaves a row nothing",
            lambda: _example(
                NonFinite("forward", "1:softmax#0", "softmax", 8, masked_rows=2),
                [_NAN],
                *("linear", "softmax", "linear", "mse_loss"),
            ),
            Severity.ERROR,
        ),
        Case(
            "overflow at once", lambda: _example(_LINEAR_OVERFLOW, [np.inf], *_ROOT), Severity.ERROR
        ),
        Case(
            "a root of 0 in a step that was not recorded",
            lambda: _already([1.2, 1.1, 1.0, _NAN], guarded=False),
            Severity.ERROR,
        ),
        Case(
            "spoilt in a step that was not recorded, the root is guarded",
            lambda: _already([1.2, 1.1, 1.0, _NAN], guarded=True),
            Severity.ERROR,
        ),
        Case(
            "readings missing: the step was not recorded",
            lambda: _example(None, [1.0, _NAN]),
            Severity.ERROR,
        ),
        Case(
            "near miss: a mask inside attention",
            lambda: _example(NonFinite("forward", "1:softmax#0", "masked_fill", 8), [1.0, 0.5]),
            None,
        ),
        Case("finite throughout", lambda: _example(None, [1.0, 0.5]), None),
    ),
)
