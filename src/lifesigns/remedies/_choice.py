"""Which edits a finding asks for: those its own remedies name, then the others of its rule.

A rule orders the remedies of a finding by its causes, so what they name comes first. The table adds
what may help beside it. What a rule finds that does not stand there only the user can mend.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from lifesigns.records import Finding, Severity, Trace
from lifesigns.remedies._discovery import find_manual
from lifesigns.remedies._edit import Edit
from lifesigns.remedies._hidden import hidden

EDITS: dict[str, tuple[str, ...]] = {
    "constant-output": ("swap-activation", "initialise", "scale-rate", "insert-norm"),
    "broadcast-loss": ("match-shapes",),
    "dead-from-birth": ("initialise", "swap-activation"),
    "dead-units": ("swap-activation", "initialise", "scale-rate", "warm-up", "insert-norm"),
    "detached-parameters": ("train-parameters", "optimize-all"),
    "doubled-sigmoid": ("drop-activation", "swap-loss"),
    "doubled-softmax": ("drop-activation",),
    "eval-mode-in-training": ("train-mode",),
    "exploding-gradient": ("scale-rate", "clip-gradient", "swap-activation", "initialise"),
    "gain-mismatch": ("initialise", "swap-activation", "insert-norm"),
    "gradients-pile-up": ("zero-grad",),
    "linear-collapse": ("insert-activation",),
    "logits-as-probabilities": ("log-input", "swap-loss", "insert-activation"),
    "loss-diverges": ("scale-rate", "clip-gradient", "warm-up"),
    "loss-flat": (
        *("swap-activation", "initialise", "scale-rate", "insert-norm", "drop-less"),
        "train-longer",
    ),
    "loss-oscillates": ("scale-rate", "clip-gradient"),
    "non-finite-origin": ("swap-activation", "scale-rate", "clip-gradient", "initialise"),
    "one-loss-unlearned": ("weigh-terms", "scale-rate"),
    "one-sided-inputs": ("swap-activation", "insert-norm"),
    "output-cannot-reach-target": ("drop-activation", "swap-loss", "standardise-targets"),
    "penalty-outweighs-data": ("weigh-terms",),
    "rate-too-high": ("scale-rate", "warm-up", "clip-gradient"),
    "rate-too-low": ("scale-rate", "train-longer"),
    "rates-for-logarithms": ("log-input", "drop-activation"),
    "samples-mixed": ("softmax-dim",),
    "saturated-units": ("swap-activation", "initialise", "scale-rate", "insert-norm"),
    "signal-blows-up": ("initialise", "swap-activation", "insert-norm"),
    "signal-fades": ("initialise", "swap-activation", "insert-norm", "insert-residual"),
    "single-unit-softmax": ("drop-activation", "swap-loss"),
    "squared-error-on-saturated-output": ("swap-loss", "initialise"),
    "squashed-hidden-softmax": ("softmax-dim", "swap-activation"),
    "stacked-squashing": ("swap-activation", "insert-norm", "insert-residual"),
    "steps-never-come": ("take-steps",),
    "stopped-early": ("train-longer", "scale-rate"),
    "sum-not-mean": ("mean-reduction", "scale-rate"),
    "symmetric-units": ("initialise",),
    "unscaled-input": ("standardise-inputs",),
    "unscaled-target": ("standardise-targets",),
    "unshuffled-or-single-class-batches": ("shuffle",),
    "vanishing-gradient": ("swap-activation", "initialise", "insert-norm", "insert-residual"),
    "wrong-direction": ("minimise", "weigh-terms"),
    "zero-gradient": (
        *("swap-activation", "initialise", "scale-rate", "drop-activation", "drop-less"),
    ),
}
"""Names of edits by the rule that asks for them, most promising first."""

COMMONEST = (
    *("scale-rate", "initialise", "swap-activation", "standardise-inputs", "insert-norm"),
    *("zero-grad", "shuffle", "clip-gradient", "warm-up", "train-longer"),
)
"""Edits worth a try where nothing was found: the rate and the start are to blame most often."""

OF_SCALE = ("gain-mismatch", "signal-blows-up", "exploding-gradient", "non-finite-origin")
"""Rules about values that grow."""


UNDIAGNOSED = Finding(
    *("undiagnosed", "", Severity.WARNING, "no rule found anything", "", 0, "", "", ""),
    why="A remedy that is proved is a diagnosis, although no rule of ours sees the cause.",
)
"""Stands for the finding where there is none."""

T = TypeVar("T")


def for_finding(finding: Finding, trace: Trace) -> list[Edit]:
    """The edits that a finding asks for, the remedy of its first cause first.

    The first edit of each kind comes before the second of any: three tries try three remedies.

    Args:
        finding: Of this run.
        trace: Of the run; its sites, shapes and losses say where and how much.
    """
    named = [remedy.edit for remedy in finding.remedies if remedy.edit]
    kinds = dict.fromkeys([*_evident(finding, trace), *named, *EDITS.get(finding.rule, ())])
    made = [list(find_manual(kind).made_for(finding, trace)) for kind in kinds]
    edits: list[Edit] = []
    for edit in _by_turns(made):
        if edit not in edits:
            edits.append(edit)
    return edits


def for_nothing_found(trace: Trace) -> list[tuple[Finding, Edit]]:
    """The commonest edits, each with what it would say if it cures: nothing was found.

    Args:
        trace: Of the run.
    """
    named = [replace(UNDIAGNOSED, causes=causes) for causes in (("lr_too_low",), ())]
    kinds = [(finding, kind) for kind in COMMONEST for finding in named]
    made = [[(f, edit) for edit in find_manual(kind).made_for(f, trace)] for f, kind in kinds]
    found: list[tuple[Finding, Edit]] = []
    for finding, edit in _by_turns(made):
        if all(edit != known for _, known in found):
            found.append((finding, edit))
    return found


def _evident(finding: Finding, trace: Trace) -> list[str]:
    """What the graph itself convicts: no start and no rate tames an exponential hidden layer."""
    grows = any(site.operation == "exp" for site in hidden(trace))
    return ["swap-activation"] if grows and finding.rule in OF_SCALE else []


def _by_turns(lists: list[list[T]]) -> Iterable[T]:
    """The first of each list, then the second of each, and so on."""
    for number in range(max(map(len, lists), default=0)):
        yield from (each[number] for each in lists if number < len(each))
