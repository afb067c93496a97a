"""OPT017: the network is evaluated as it is trained: with dropout, or with a batch of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.evaluated import EvaluatedPlace, evaluated_places
from lifesigns.evidence.sites import counted, listed
from lifesigns.records import EvaluationPass, Finding, Kind, Quantity, Remedy, Severity, Site, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

FEW = Threshold(
    4,
    "samples with statistics of their own, at most",
    "their mean is off by half a deviation",
)
MORE = Threshold(
    8, "times as many samples in a batch of the training", "their statistics are other ones"
)

OFF = Threshold(
    0.5,
    "standard deviations of the training by which a batch's own statistics move a value",
    "as far as the mean of four samples is off",
)


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding: for a batch normalisation, or else for dropout."""
    places = list(evaluated_places(run.trace))
    few = [p for place in places for p in place.passes if _has_few(run, p)]
    if few:
        yield _alone(run, few)
        return
    knows_eval = len(run.trace.evaluated) or not all(p.training for p in run.trace.evaluations)
    if knows_eval or len(run.streams) > 1:
        return
    judged = [p for place in places if _is_judged(place) for p in place.passes]
    dropping = [p for p in judged if _drops(p)]
    moved = [p for place in places if _is_judged(place) for p in _moved(run, place)]
    normalised = [p for p in judged if p.norm and p.training]
    if dropping:
        yield _dropping(run, dropping)
    elif moved:
        yield _apart(run, moved)
    elif normalised:
        yield _normalised(run, normalised)


def _has_few(run: Run, one: EvaluationPass) -> bool:
    """Whether a normalisation used the statistics of far fewer samples than in training."""
    return 0 < one.norm_samples <= FEW and _trained_with(run, one) >= MORE * one.norm_samples


def _trained_with(run: Run, one: EvaluationPass) -> int:
    """Samples of a batch at the same normalisation in training; 0 if that is not known."""
    return max((site.shape[0] for site in _sites(run, one.norm) if site.shape), default=0)


def _sites(run: Run, norm: str) -> Iterator[Site]:
    """Of a normalisation in training; several where it is given several batches in a step."""
    sites = (site for stream in run.streams for site in stream.last.graph.sites)
    return (site for site in sites if site.kind is Kind.NORM and site.module == norm)


def _is_judged(place: EvaluatedPlace) -> bool:
    """Whether dropout is not there on purpose: for an average, or for what the step needs."""
    return not (place.is_in_each_step or place.is_repeated)


def _drops(one: EvaluationPass) -> bool:
    return bool(one.dropouts or one.loose)


def _moved(run: Run, place: EvaluatedPlace) -> Sequence[EvaluationPass]:
    """The passes of its last look, if their batches have other statistics than training has.

    Running ones are those of no batch where a step has several, such as real and generated samples.
    """
    last = [one for one in place.passes if one.step == place.passes[-1].step]
    moved = all(one.training for one in last) and _shift(last) >= OFF
    return last if moved and len(list(_sites(run, last[0].shifted_norm))) == 1 else ()


def _shift(passes: Sequence[EvaluationPass]) -> float:
    return float(np.mean([one.norm_shift for one in passes]))


def _alone(run: Run, found: Sequence[EvaluationPass]) -> Finding:
    first = found[0]
    samples = counted(first.norm_samples, "sample")
    return RULE.finding(
        Severity.WARNING,
        f"evaluated in training mode: {first.norm} normalises {samples} by statistics of its own",
        site=first.norm,
        step=first.step,
        measured=f"a pass without training gave it {samples} and it used their mean and variance; "
        f"batches of the training have {_trained_with(run, first)}",
        expected="evaluation mode: the running statistics, which are those of the training",
        certainty=_certainty(run, found),
        causes=("other", "wrong_batch_size"),
        remedies=(_EVAL,),
        evidence={"samples": first.norm_samples, "trained": _trained_with(run, first)},
    )


def _dropping(run: Run, found: Sequence[EvaluationPass]) -> Finding:
    first = found[0]
    names = [name for name in (*first.dropouts, *first.loose) if name]
    return RULE.finding(
        Severity.WARNING,
        "evaluated in training mode: units are dropped" + (f" at {listed(names)}" if names else ""),
        site=names[0] if names else "",
        step=first.step,
        measured="a pass without training dropped units, and the network was never put in "
        f"evaluation mode{run.streams[0].course.remark if run.streams else ''}",
        expected="evaluation mode: all units, and the same answer each time",
        certainty=_certainty(run, found),
        causes=("other",),
        remedies=(_EVAL,),
        evidence={"places": len(first.dropouts) + len(first.loose)},
    )


def _normalised(run: Run, found: Sequence[EvaluationPass]) -> Finding:
    first = found[0]
    return RULE.finding(
        Severity.NOTE,
        f"evaluated in training mode: {first.norm} normalises each batch by its own statistics",
        site=first.norm,
        step=first.step,
        measured=f"a pass without training gave it {counted(first.norm_samples, 'sample')}, it "
        "used their mean and variance, and the network was never put in evaluation mode: an answer "
        "depends on which samples are evaluated with it, much so where they are sorted by class",
        expected="evaluation mode: the running statistics, which are those of the training",
        certainty=_certainty(run, found),
        causes=("other",),
        remedies=(_EVAL,),
        evidence={"samples": first.norm_samples},
    )


def _apart(run: Run, found: Sequence[EvaluationPass]) -> Finding:
    first = found[0]
    norm, samples = first.shifted_norm, counted(first.norm_samples, "sample")
    return RULE.finding(
        Severity.WARNING,
        f"evaluated in training mode: {norm} normalises batches unlike those of the training by "
        "their own statistics",
        site=norm,
        step=first.step,
        measured=f"a pass without training gave it {samples}, whose own mean and variance move a "
        f"value by {_shift(found):.2f} deviations from where the running ones put it, and the "
        "network was never put in evaluation mode: what tells these samples from others, as where "
        f"they are sorted by class, is normalised away{run.streams[0].course.remark}",
        expected="evaluation mode: the running statistics, which are those of the training",
        certainty=_certainty(run, found),
        causes=("other",),
        remedies=(_EVAL,),
        evidence={"samples": first.norm_samples, "shift": _shift(found)},
    )


def _certainty(run: Run, found: Sequence[EvaluationPass]) -> str:
    return f"exact: {len(found)} of {len(run.trace.evaluations)} passes that were looked at"


_EVAL = Remedy(
    "Put the network in evaluation mode before you evaluate it, and back after it.",
    "model.eval()\nwith torch.no_grad():\n    score = evaluate(model)\nmodel.train()",
    edit="eval-mode",
)


# --- cases ----------------------------------------------------------------------------------------
_PASS = EvaluationPass(50, training=True, samples=32)
_DROPPED = replace(_PASS, dropouts=("2",))
_ALIKE = replace(_PASS, norm="1", norm_samples=32, norm_shift=0.2, shifted_norm="1")
_SORTED = replace(_ALIKE, norm_shift=0.7)
_SINGLE = replace(_PASS, samples=1, norm="1", norm_samples=1)


def _example(*passes: EvaluationPass, batches: int = 1) -> Trace:
    """A network with a normalisation that learns for a hundred steps, with batches of 32."""
    graph = example.normalised(0.1, batch=32)
    for _ in range(batches - 1):
        graph = graph.with_piece(graph)
    known = example.regression(example.FALLING, update=1e-3)
    shots = tuple(replace(shot, graph=graph) for shot in known.snapshots)
    return replace(known, snapshots=shots, evaluations=passes)


RULE = Rule(
    code="OPT017",
    name="train-mode-in-evaluation",
    title="The network is evaluated in training mode",
    why="In training mode dropout switches units off at random, and batch normalisation uses the "
    "mean and variance of whatever it is given. A score taken like that is a score of another "
    "network than the one that was trained: of a part of it, or with statistics of few samples.",
    sees="""
A test without `model.eval()`. With dropout each answer is given by another part of the network;
with batch normalisation and one sample at a time its statistics are those of that sample, and the
accuracy may be no better than chance although the loss fell as it should. So it may where the test
is sorted by class, at any size of a batch.
""",
    evidence="""
Of each place in the program that switches gradients off, or calls `eval()`, the first passes are
looked at: which modules drop units there, and how many samples a batch normalisation takes its
statistics from. These count where they are four at the most, and an eighth of a batch of the
training. Dropout counts where the network was in training mode each time; so does a normalisation
of more samples: as a warning where the mean and variance of their batch move a value by half a
deviation or more from where the running ones put it (median over the units, beyond what is chance
for so many samples, mean over the passes of the last look), else as a note.
""",
    ignore="""
Samples of a generator in training mode, and a score of the training, with batches as in training:
their statistics are alike. A normalisation that a step gives several batches of different kinds.
Dropout that is left on to
average over many passes of one input, or in passes that belong to each step of the training, like
pseudo-labels. A program that does call `eval()`, and takes a training score in training mode.
""",
    references=(
        "torch documentation, Module.eval",
        "Ioffe & Szegedy 2015, Batch Normalization, section 3.1: inference",
        "Gal & Ghahramani 2016, Dropout as a Bayesian Approximation: dropout left on, on purpose",
    ),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"few": FEW, "more": MORE, "off": OFF},
    cases=(
        Case("one sample at a time", lambda: _example(_SINGLE), Severity.WARNING),
        Case("dropout", lambda: _example(_DROPPED), Severity.WARNING),
        Case(
            "dropout by a function",
            lambda: _example(replace(_PASS, loose=("",))),
            Severity.WARNING,
        ),
        Case(
            "near miss: with batches as in training, which is a note",
            lambda: _example(replace(_PASS, norm="1", norm_samples=32)),
            None,
        ),
        Case(
            "near miss: an average over many passes",
            lambda: _example(_DROPPED, replace(_DROPPED, is_again=True)),
            None,
        ),
        Case(
            "near miss: pseudo-labels in each step",
            lambda: _example(_DROPPED, replace(_DROPPED, step=51)),
            None,
        ),
        Case(
            "near miss: a score of the training, beside one in evaluation mode",
            lambda: _example(_DROPPED, replace(_PASS, place=1, training=False)),
            None,
        ),
        Case("batches sorted by class", lambda: _example(_SORTED, _SORTED), Severity.WARNING),
        Case(
            "near miss: only one of two batches is unlike those of the training",
            lambda: _example(_SORTED, _ALIKE),
            None,
        ),
        Case(
            "near miss: unlike those of the training while the network learned, not at the end",
            lambda: _example(_SORTED, replace(_ALIKE, step=80)),
            None,
        ),
        Case(
            "near miss: such batches, and a test in evaluation mode",
            lambda: _example(_SORTED, replace(_PASS, place=1, training=False)),
            None,
        ),
        Case(
            "near miss: a step gives it batches of two kinds",
            lambda: _example(_SORTED, batches=2),
            None,
        ),
        Case("nothing that behaves otherwise", lambda: _example(_PASS), None),
        Case("readings missing: passes", lambda: example.unread(_example(_SINGLE)), None),
    ),
)
