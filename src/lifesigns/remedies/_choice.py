"""Which edits a finding asks for: those its own remedies name, then the others of its rule.

A rule orders the remedies of a finding by its causes, so what they name comes first. The table adds
what may help beside it. What a rule finds that does not stand there only the user can mend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from lifesigns.evidence.thresholds import HEAVY_DROPOUT
from lifesigns.records import Finding, Severity, Trace
from lifesigns.remedies._discovery import find_manual
from lifesigns.remedies._edit import Edit
from lifesigns.remedies._hidden import hidden
from lifesigns.remedies.drop_less import DropLess, dropped
from lifesigns.remedies.keep_precision import KeepPrecision
from lifesigns.remedies.swap_activation import SwapActivation

EDITS: dict[str, tuple[str, ...]] = {
    "actor-lowers-its-value": ("raise-value",),
    "attends-to-padding": ("invert-mask",),
    "bends-only-at-kinks": ("swap-activation",),
    "blank-among-targets": ("name-blank",),
    "broadcast-loss": ("match-shapes", "pick-own-class"),
    "cancels-itself": ("detach-difference",),
    "checkpoint-passed-over": ("match-names",),
    "clipped-before-unscaling": ("unscale-first",),
    "constant-output": (
        "drop-norm",
        "add-positions",
        "swap-activation",
        "initialise",
        "scale-rate",
        "insert-norm",
    ),
    "copies-its-input": ("copy-data",),
    "cosines-without-scale": ("scale-logits",),
    "data-term-cut-off": ("reparameterise", "reattach"),
    "dead-from-birth": ("initialise", "swap-activation"),
    "dead-units": ("swap-activation", "initialise", "scale-rate", "warm-up", "insert-norm"),
    "derivative-without-graph": ("create-graph",),
    "detached-parameters": (*("train-parameters", "reattach", "register-layers", "optimize-all"),),
    "distances-as-scores": ("negate-scores",),
    "doubled-sigmoid": ("drop-activation", "swap-loss"),
    "doubled-softmax": ("drop-activation",),
    "drifting-input": ("copy-data",),
    "dropout-in-evaluation": ("tell-mode",),
    "embeddings-too-large": ("size-embeddings",),
    "eps-rounds-to-zero": ("keep-precision", "raise-eps"),
    "eval-mode-in-training": ("train-mode",),
    "exploding-gradient": ("scale-rate", "clip-gradient", "swap-activation", "initialise"),
    "few-samples-drawn": ("weigh-each-sample",),
    "fields-share-rows": ("add-starts",),
    "gain-mismatch": ("initialise", "swap-activation", "insert-norm"),
    "gradients-pile-up": ("zero-grad",),
    "gradients-thrown-away": ("take-steps",),
    "half-frozen": ("train-parameters",),
    "heavy-dropout": ("drop-less",),
    "heavy-tailed-input": ("take-logarithm",),
    "labels-scaled-down": ("binarise-targets",),
    "likelihood-weighs-itself": ("weigh-by-missing",),
    "linear-collapse": ("insert-activation",),
    "log-of-mean": ("log-each",),
    "logits-as-probabilities": ("log-input", "swap-loss", "insert-activation"),
    "looks-ahead": ("mask-later",),
    "loss-diverges": ("scale-rate", "clip-gradient", "warm-up"),
    "loss-flat": (
        *(
            "lower-decay",
            "add-positions",
            "swap-activation",
            "initialise",
            "scale-rate",
            "insert-norm",
        ),
        *("drop-less", "hold-rate", "train-longer", "sort-downwards"),
    ),
    "loss-oscillates": ("scale-rate", "clip-gradient"),
    "mask-as-index": ("make-boolean",),
    "non-finite-origin": (
        *("guard-domain", "swap-activation", "scale-rate", "clip-gradient", "initialise"),
        "keep-precision",
    ),
    "norm-over-one-feature": ("drop-norm",),
    "one-class-targets": ("round-targets",),
    "one-layer-in-a-list": ("separate-layers",),
    "one-loss-unlearned": ("weigh-terms", "scale-rate"),
    "one-sided-inputs": ("swap-activation", "insert-norm"),
    "order-unseen": ("add-positions",),
    "output-cannot-reach-target": (
        *("drop-activation", "binarise-targets", "swap-loss", "standardise-targets"),
    ),
    "output-dropped": ("drop-activation",),
    "overlap-of-raw-outputs": ("give-probabilities",),
    "padding-counts": ("ignore-padding",),
    "penalty-outweighs-data": ("weigh-terms",),
    "places-as-classes": ("move-classes",),
    "positions-swamp-tokens": ("size-embeddings",),
    "rate-ran-out": ("hold-rate", "turn-plateau"),
    "rate-too-high": ("scale-rate", "warm-up", "clip-gradient"),
    "rate-too-low": ("hold-rate", "clip-less", "scale-rate", "train-longer"),
    "rates-for-logarithms": ("log-input", "drop-activation"),
    "ratio-upside-down": ("turn-ratio",),
    "recurrent-weights-too-large": ("reset-start",),
    "returns-run-backwards": ("turn-returns",),
    "rows-become-alike": ("insert-residual",),
    "samples-mixed": ("softmax-dim", "batch-first"),
    "saturated-units": ("swap-activation", "initialise", "scale-rate", "insert-norm"),
    "signal-blows-up": ("initialise", "swap-activation", "insert-norm"),
    "signal-fades": ("initialise", "swap-activation", "insert-norm", "insert-residual"),
    "signed-penalty": ("sum-of-sizes",),
    "single-unit-softmax": ("softmax-dim", "drop-activation", "swap-loss"),
    "softmax-always-one": ("softmax-dim",),
    "softmax-for-several-labels": ("swap-loss",),
    "softmax-starts-saturated": ("scale-scores",),
    "squared-error-on-saturated-output": ("swap-loss", "initialise"),
    "squashed-hidden-softmax": ("softmax-dim", "swap-activation"),
    "stacked-squashing": ("swap-activation", "insert-norm", "insert-residual"),
    "state-cut-off": ("reattach",),
    "statistics-of-one-batch": ("turn-momentum",),
    "steps-change-nothing": ("zero-grad",),
    "steps-never-come": ("take-steps",),
    "steps-too-rare": ("take-steps",),
    "stopped-early": ("train-longer", "scale-rate"),
    "sum-not-mean": ("mean-reduction", "scale-rate"),
    "symmetric-units": ("initialise",),
    "targets-not-signed": ("sign-targets",),
    "term-without-weights": ("create-graph", "reattach"),
    "told-the-answer": ("shift-input", "ignore-shown"),
    "train-mode-in-evaluation": ("eval-mode",),
    "transposed-target": ("transpose-target",),
    "uniform-noise": ("draw-normal",),
    "unscaled-input": ("standardise-inputs",),
    "unscaled-target": ("standardise-targets",),
    "unshuffled-or-single-class-batches": ("shuffle",),
    "updates-rounded-away": ("keep-precision", "scale-rate"),
    "vanishing-gradient": ("swap-activation", "initialise", "insert-norm", "insert-residual"),
    "viewed-not-permuted": ("exchange-axes", "transpose-pairs"),
    "weights-decay-away": ("lower-decay", "weigh-terms"),
    "weights-favour-the-frequent": ("invert-weights",),
    "words-behind-padding": ("read-last-word",),
    "wrong-direction": ("minimise", "weigh-terms"),
    "zero-gradient": (
        *("swap-activation", "initialise", "scale-rate", "drop-activation", "drop-less"),
    ),
}
"""Names of edits by the rule that asks for them, most promising first."""

ON_SIGHT = (
    *("samples-first", "shuffle-together", "copy-data", "create-graph", "reparameterise"),
    *("shift-input", "invert-mask", "turn-momentum"),
)
"""Edits that undo what is hardly ever meant: tried wherever something is wrong and the source has
just one place for them, though no rule has seen it."""

COMMONEST = (
    *("scale-rate", "initialise", "swap-activation", "standardise-inputs", "insert-norm"),
    *("zero-grad", "shuffle", "clip-gradient", "warm-up", "train-longer"),
)
"""Edits worth a try where nothing was found: the rate and the start are to blame most often."""

OF_SCALE = ("gain-mismatch", "signal-blows-up", "exploding-gradient", "non-finite-origin")
"""Rules about values that grow."""

SURE = (
    ("non-finite-origin", "guard-domain"),
    *(("rate-too-low", edit) for edit in ("clip-less", "hold-rate")),
)
"""Edits that are made only where the run shows that they are called for: they come first."""


UNDIAGNOSED = Finding(
    *("undiagnosed", "", Severity.WARNING, "no rule found anything", "", 0, "", "", ""),
    why="A remedy that is proved is a diagnosis, although no rule of ours sees the cause.",
)
"""Stands for the finding where there is none."""

T = TypeVar("T")


def for_findings(findings: Sequence[Finding], trace: Trace) -> list[tuple[Finding, Edit]]:
    """The edits that findings ask for, each once, with the finding that asks first.

    In turns: the first edit of each kind for the first finding; then its second ones, and the first
    ones for the second finding; and so on. So three tries try three remedies, and what only the
    third finding asks for does not wait for every dose of the first one's.

    Args:
        findings: Of this run, the most probable cause first.
        trace: Of the run; its sites, shapes and losses say where and how much.
    """
    turns: defaultdict[int, list[tuple[Finding, Edit]]] = defaultdict(list)
    for place, finding in enumerate(findings):
        for turn, edits in enumerate(_turns(_asked(finding, trace))):
            turns[place + turn] += [(finding, edit) for edit in edits]
    return _each_once(chain.from_iterable(turns[turn] for turn in sorted(turns)))


def for_finding(finding: Finding, trace: Trace) -> list[Edit]:
    """The edits that one finding asks for; see `for_findings`.

    Args:
        finding: Of this run.
        trace: Of the run.
    """
    return [edit for _, edit in for_findings([finding], trace)]


def _asked(finding: Finding, trace: Trace) -> list[list[Edit]]:
    """By their kind, the edits that a finding asks for, most promising first."""
    named = [remedy.edit for remedy in finding.remedies if remedy.edit]
    kinds = dict.fromkeys([*_evident(finding, trace), *named, *EDITS.get(finding.rule, ())])
    return [list(find_manual(kind).made_for(finding, trace)) for kind in kinds]


def for_nothing_found(trace: Trace) -> list[tuple[Finding, Edit]]:
    """The commonest edits, each with what it would say if it cures: nothing was found.

    Args:
        trace: Of the run.
    """
    named = [replace(UNDIAGNOSED, causes=causes) for causes in (("lr_too_low",), ())]
    kinds = [(finding, kind) for kind in COMMONEST for finding in named]
    made = [[(f, edit) for edit in find_manual(kind).made_for(f, trace)] for f, kind in kinds]
    return _each_once(chain.from_iterable(_turns(made)))


def for_sight(finding: Finding, trace: Trace) -> list[Edit]:
    """Edits that are worth a try if the source has their place.

    Args:
        finding: The most probable cause of what is wrong.
        trace: Of the run.
    """
    made = [edit for kind in ON_SIGHT for edit in find_manual(kind).made_for(finding, trace)]
    return [*made, KeepPrecision()]  # of what is no weight only the source tells how exact it is


def _evident(finding: Finding, trace: Trace) -> Iterator[str]:
    """What the run itself convicts.

    A dropout of nearly everything; a schedule that holds the rate down; an operation at the edge of
    where it is defined; a hidden exponential, which no start and no rate tames.
    """
    if dropped(trace) > HEAVY_DROPOUT:
        yield DropLess.name
    yield from (edit for rule, edit in SURE if rule == finding.rule)
    if finding.rule in OF_SCALE and any(site.operation == "exp" for site in hidden(trace)):
        yield SwapActivation.name


def _turns(kinds: list[list[T]]) -> Iterator[list[T]]:
    """The first of each kind, then the second of each, and so on."""
    for number in range(max(map(len, kinds), default=0)):
        yield [each[number] for each in kinds if number < len(each)]


def _each_once(asked: Iterable[tuple[Finding, Edit]]) -> list[tuple[Finding, Edit]]:
    found: list[tuple[Finding, Edit]] = []
    for finding, edit in asked:
        if all(edit != known for _, known in found):
            found.append((finding, edit))
    return found
