"""DAT019: what is learned of one sample helps with no other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.epochs import EPOCHS, STEPS, Epochs, epochs_of
from lifesigns.evidence.pairs import PAIRED, WHICH_LABEL
from lifesigns.evidence.thresholds import WEAK
from lifesigns.records import Finding, Floats, Loader, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

WITHIN = Threshold(
    0.33,
    "share of the loss's fall that happened within epochs, at most with its error",
    "a third: where samples have something in common nearly all of it does",
)
ERRORS = Threshold(2, "standard errors of that share that are added", "95 % certainty")
MOST = Threshold(
    0.8,
    "share of the loss's fall after which epochs count no more",
    "a definition: what has been learned is refined by heart afterwards, as nearly always",
)
FELL = Threshold(0.05, "share of the first epoch's loss by which it fell", "something was learned")
SHUFFLED = Threshold(
    0.5, "correlation of one epoch with the next, step by step", "none where batches are drawn anew"
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    if not stream.is_alone or stream.number:
        return
    for loader in stream.trace.loaders:
        epochs = _falling(epochs_of(stream, loader))
        if epochs is not None and _is_by_heart(epochs):
            yield _finding(stream, loader, epochs)
            return


def _falling(epochs: Epochs | None) -> Epochs | None:
    """The epochs in which most of the fall happened, if it is one."""
    if epochs is None:
        return None
    fell = epochs.fall >= FELL * abs(float(epochs.means[0])) and epochs.fall > 0
    return epochs.until(MOST, int(EPOCHS)) if fell else None


def _is_by_heart(epochs: Epochs) -> bool:
    if epochs.order > SHUFFLED:
        return False
    return epochs.share_within + ERRORS * epochs.error < WITHIN


def _finding(stream: Stream, loader: Loader, epochs: Epochs) -> Finding:
    share, error, means = epochs.share_within, ERRORS * epochs.error, epochs.means
    most = max(share + error, 0.0)
    unfit = stream.course.kind in PAIRED and stream.course.gain < WEAK
    return RULE.finding(
        Severity.WARNING,
        "the network learns by heart: its loss falls on samples it has seen, not on new ones",
        site="input",
        step=len(epochs.losses[0]),
        measured=f"the mean loss of an epoch fell from {means[0]:.3g} to {means[-1]:.3g} in "
        f"the first {len(means)} epochs of {loader.samples} samples; "
        f"at most {100 * most:.0f} % of that within epochs",
        expected=f"more than {100 * WITHIN:.0f} % within epochs, where each sample is new",
        certainty=f"bound at 95 % from the losses of {epochs.losses.size} steps",
        causes=("wrong_labels", "other"),
        remedies=((WHICH_LABEL,) if unfit else ()) + _REMEDIES,
        evidence={"share_within": share, "error": error, "epochs": len(means)},
    )


_REMEDIES = (
    Remedy(
        "Check that inputs and labels belong together: print some pairs, and sort the files by "
        "number where labels are.",
        "for name, label in zip(files[:12], labels[:12]):\n    print(name, label)",
    ),
    Remedy(
        "Where they do, there are too few samples for so large a network: take more data, augment "
        "them, or take a smaller network.",
    ),
)


# --- cases ----------------------------------------------------------------------------------------
_SCATTER = 0.005 * np.random.default_rng(0).standard_normal(240)
_LOADER = Loader(samples=640, batch=32, begun=12, steps=12)


def _example(
    within: float, *, noise: float = 0.02, drawn: int = 12, loader: Loader = _LOADER
) -> Trace:
    """Twelve epochs of 20 steps, of whose fall a share happens within epochs.

    Their scatter is drawn anew in each, or once for all.
    """
    steps = np.arange(240)
    smooth, stairs = steps / 240, steps // 20 / 12
    scatter = np.resize(np.random.default_rng(0).standard_normal(20 * drawn), 240)
    losses = 2.3 - 1.2 * (within * smooth + (1 - within) * stairs) + noise * scatter
    return _of(losses, loader)


def _by_heart_afterwards() -> Trace:
    """Learned in the first epochs; then a sample is known the worse, the longer ago it came."""
    steps = np.arange(240)
    return _of(1.5 * np.exp(-steps / 40) + 0.15 * (steps % 20) / 20 * (steps > 60))


def _of(losses: Floats, loader: Loader = _LOADER, kind: str = "squared_error") -> Trace:
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = example.chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    wanted = example.target(sign)
    known = example.fitting(graph, list(losses), 0.1 * sign, wanted, kind=kind, constant=1.0)
    return dataclasses.replace(known, loaders=(loader,))


RULE = Rule(
    code="DAT019",
    name="learned-by-heart",
    title="The loss falls from one epoch to the next, and never within",
    why="Where samples have something in common, what is learned of one helps with the next, and "
    "the loss falls while samples are still new. Where nothing connects input and label, each is "
    "learned by heart, and the loss falls only when it comes again.",
    sees="""
Labels that do not belong to their inputs, such as files in the order of their names beside labels
in the order of their numbers: the loss falls, in training all looks well, and on new samples the
network guesses. It falls in stairs: level within an epoch, lower in the next.
""",
    evidence="""
A `DataLoader` was gone through from the first step to the last, four epochs at the least (and for
an evaluation between them, if at all). Until
four fifths of the loss's fall are done, a line is laid through the losses of each epoch; what the
lines fall by, together, is compared with the fall of the epochs' means. The share within epochs is
below a third by more than twice its error, as the scatter around the lines has it. No held-out data
are needed: until it is seen, a sample is new.
""",
    ignore="""
A vector is trained for each sample, as in an auto-decoder: it is to be learned by heart. Loaders
that give the samples in the same order each time are not judged, for some batches are harder; nor
are loops without a loader, whose epochs are not seen, or with a step for several batches.
""",
    references=(
        "Zhang et al. 2017, Understanding Deep Learning Requires Rethinking Generalization",
        "Arpit et al. 2017, A Closer Look at Memorization in Deep Networks",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "epochs": EPOCHS,
        "steps": STEPS,
        "within": WITHIN,
        "errors": ERRORS,
        "most": MOST,
        "fell": FELL,
        "shuffled": SHUFFLED,
    },
    explains=("stopped-early",),
    cases=(
        Case("falls between epochs only", lambda: _example(0.0), Severity.WARNING),
        Case("a tenth of the fall is within epochs", lambda: _example(0.1), Severity.WARNING),
        Case(
            "pairs, perhaps the wrong way round",
            lambda: _of(1.3 - 0.3 * (np.arange(240) // 20) / 12 + _SCATTER, kind="contrast"),
            Severity.WARNING,
        ),
        Case("near miss: half of it is", lambda: _example(0.5), None),
        Case("learning", lambda: _example(1.0), None),
        Case("near miss: learned first, by heart afterwards", _by_heart_afterwards, None),
        Case(
            "near miss: one step of the optimizer for several passes",
            lambda: dataclasses.replace(_example(0.0), steps=60),
            None,
        ),
        Case("near miss: the scatter is too large to tell", lambda: _example(0.0, noise=0.5), None),
        Case("near miss: the same order in each epoch", lambda: _example(0.0, drawn=1), None),
        Case(
            "evaluated with the loader of the training, behind each epoch",
            lambda: _example(0.0, loader=Loader(640, 32, begun=24, steps=13)),
            Severity.WARNING,
        ),
        Case(
            "near miss: evaluated within epochs, too",
            lambda: _example(0.0, loader=Loader(640, 32, begun=36, steps=24)),
            None,
        ),
        Case(
            "near miss: the loader of an evaluation",
            lambda: _example(0.0, loader=Loader(640, 32, 3, 3)),
            None,
        ),
        Case("readings missing: no loader", lambda: _example(0.0, loader=Loader(0, 0)), None),
    ),
)
