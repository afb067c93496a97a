"""DAT009: a network is to give back the very numbers that it is given, and nothing hides them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.course import REGRESSIONS
from lifesigns.evidence.sites import counted
from lifesigns.records import (
    Finding,
    Graph,
    Kind,
    LossReading,
    Quantity,
    Remedy,
    Severity,
    Trace,
)
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

SAME, WRITTEN = "target_is_input", "written_in_place"
"""Details of a loss: the target is the input, or in it; how often its memory was written to."""
BESIDE, AT = "told_beside", "given_at"
"""Details of a loss: something else is given, too; the site that is given the target."""
PLACES = "told_in_place"
"""The same of each target at the place of its output, in a sequence that is given."""
STEPS = Threshold(3, "recorded steps, at least", "a definition: more than an accident")
COPIED = Threshold(
    0.8, "share of the baseline learned that only copying explains", "what is hidden is not learned"
)
HIDING = frozenset({Kind.DROPOUT, Kind.OPAQUE, Kind.OTHER})
"""What may keep some of the input from the output."""


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    shots = [s for s in stream.snapshots if s.loss is not None]
    losses = [s.loss for s in shots if s.loss is not None]
    if not losses or not all(map(_is_given_back, losses)) or stream.course.gain < COPIED:
        return
    if any(is_narrowed(s.graph, s.loss) for s in shots if s.loss is not None):
        return
    written = int(min(loss.details.get(WRITTEN, 0.0) for loss in losses))
    if not written and len(losses) >= STEPS and all(BESIDE in loss.details for loss in losses):
        if all(PLACES in loss.details for loss in losses):
            yield _finding(
                stream,
                f"in {len(losses)} recorded steps each target is what the network is given at the "
                "place of its output in a sequence, beside something else, and no layer is "
                "narrower than the targets are",
                "a sequence that ends before what is to be foretold",
                "exact: numbers of all recorded steps were compared, but for rounding",
                (_FUTURE,),
                why=_KNOWN,
            )
            return
        yield _finding(
            stream,
            f"in {len(losses)} recorded steps the target is, to the bit, in what the network is "
            "given beside something else, and no layer is narrower than it is",
            "a target that is not in the input",
            "exact: numbers of all recorded steps were compared",
            (_BEFORE,),
        )
        return
    yield _finding(
        stream,
        f"in {counted(len(losses), 'recorded step')} target and input are one memory, "
        f"written to in place {counted(written, 'time')}, and no layer is narrower than they are",
        "a target apart from the input, or a layer through which not all of it fits",
        "exact: one memory",
        (_APART, _NARROW),
        Severity.WARNING if written else Severity.NOTE,
        written,
    )


def _finding(
    stream: Stream,
    measured: str,
    expected: str,
    certainty: str,
    remedies: tuple[Remedy, ...],
    severity: Severity = Severity.WARNING,
    written: int = 0,
    why: str = "",
) -> Finding:
    return RULE.finding(
        severity,
        "the network is given the very numbers that it is to give back",
        step=stream.first.step,
        measured=measured + stream.course.remark,
        expected=expected,
        certainty=certainty,
        causes=("wrong_labels", "other"),
        remedies=remedies,
        evidence={"written": written},
        why=why,
    )


def _is_given_back(loss: LossReading) -> bool:
    alone = not loss.penalised and not loss.others and loss.fit == loss.value
    return bool(loss.details.get(SAME)) and loss.kind in REGRESSIONS and alone


def is_narrowed(graph: Graph, loss: LossReading) -> bool:
    """Whether every way from the input to the loss leads through something narrow, or that hides.

    Where it is known which site is given the target, its ways alone count.

    Args:
        graph: The sites.
        loss: It names its own, and how large the output is.
    """
    size = int(np.prod(loss.input_shape))
    wide = {
        i
        for i, site in enumerate(graph.sites)
        if (site.kind not in HIDING or i == loss.site)
        and (not site.shape or int(np.prod(site.shape)) >= size)
    }
    seen = {i for i in wide if not graph.predecessors(i)}
    if AT in loss.details:
        seen = {int(loss.details[AT])} & wide
    waiting = list(seen)
    while waiting:
        later = set(graph.successors(waiting.pop())) & wide - seen
        seen |= later
        waiting += later
    return loss.site not in seen


_APART = Remedy(
    "Make the noisy input a new tensor: `+=` and functions ending in `_` change the target, too.",
    "noisy = clean + sigma * torch.randn_like(clean)  # not clean += …",
    edit="copy-data",
)
_BEFORE = Remedy(
    "A denoiser: compare with what was there before the noise, or with the noise.",
    "loss = F.mse_loss(net(noisy, t), clean)",
)
_KNOWN = (
    "Copying what stands at the same place is learned at once, and nothing else is: of a future "
    "that is not given later, the network has learned nothing."
)
_FUTURE = Remedy(
    "Give a decoder in training what it will have later: its own answers, or zeros.",
    "known = y[:, :label_len]\n"
    "given = torch.cat([known, torch.zeros_like(y[:, label_len:])], 1)  # not y",
)
_NARROW = Remedy(
    "An autoencoder needs a layer with fewer numbers than its input, or noise, or a penalty.",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    written: int, *, width: int = 8, losses: Sequence[float] = example.FALLING, apart: bool = False
) -> Trace:
    """A network of 4 numbers in and out."""
    known = example.regression(losses, update=1e-3)
    graph = example.chain(f"linear/{width}", "relu", "linear/4", "mse_loss", batch=32)
    marks = {} if apart else {SAME: 1.0, WRITTEN: float(written)}
    shots = tuple(
        replace(
            shot,
            graph=graph,
            loss=replace(
                shot.loss, details=marks, input_shape=(32, 4), site=3, fit=shot.loss.value
            ),
        )
        for shot in known.snapshots
        if shot.loss
    )
    return replace(known, snapshots=shots)


def _beside(*, width: int = 8, at: int = 0, places: bool = False) -> Trace:
    """The site at this place is given the target, beside something else."""
    shown, marks = _example(0, width=width), {PLACES: 1.0} if places else {}
    return example.marked(shown, {SAME: 1.0, BESIDE: 1.0, AT: float(at), **marks})


RULE = Rule(
    code="DAT009",
    name="copies-its-input",
    title="A network is to give back the very numbers it is given",
    why="Copying is learned at once where every number passes through the network, and the loss "
    "falls to nothing. What was to be learned, such as removing noise, is in neither of the two.",
    sees="""
A denoiser whose noise was added in place (`x += noise`, `x.add_(noise)`): the clean picture, which
is the target, has become the noisy one. Or the loss compares with the noisy picture, which the
network is given beside the time. Or a decoder that is given, in training alone, the future which it
is to foretell. Also an autoencoder that is nowhere narrower than its input.
""",
    evidence="""
The first layer reads the same memory as the loss takes for its target, in every recorded step; some
way through the network is nowhere narrower than the input, with no dropout, mask or penalty on it;
and the outputs fit. A warning if that memory was written to in place since it was made, or if the
network is given something else, too; or else a note. If other memory is read, up to 128 rows of the
targets are looked for, to the bit, among the columns or channels of it; they are half of these or
more, or stand beside something that the network has made. In a sequence they are looked for at
their own places alone, those at which the network says them: a window of a signal that repeats has
its future in it, too.
""",
    ignore="""
An autoencoder with a narrow layer, a penalty, or noise of its own is not reported. Without a change
in place, or anything beside, it may be an exercise, hence a note. A layer that is called several
times may have to remember what it was given.
""",
    references=("Vincent et al. 2008, Extracting and Composing Robust Features, section 2.3",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"copied": COPIED, "steps": STEPS},
    explains=("stopped-early",),
    cases=(
        Case("noise added in place", lambda: _example(1), Severity.WARNING),
        Case("twice", lambda: _example(2, width=4), Severity.WARNING),
        Case("beside something else", _beside, Severity.WARNING),
        Case("at its place in a sequence", lambda: _beside(places=True), Severity.WARNING),
        Case("near miss: a narrow layer", lambda: _example(1, width=3), None),
        Case("near miss: beside something else, a narrow layer", lambda: _beside(width=3), None),
        Case("near miss: it does not fit", lambda: _example(1, losses=example.FLAT), None),
        Case("an autoencoder that is nowhere narrow", lambda: _example(0), None),
        Case("a target of its own", lambda: _example(1, apart=True), None),
        Case("readings missing: no loss", lambda: example.unread(_example(1)), None),
    ),
)
