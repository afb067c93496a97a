"""What a rule is: a manual page, thresholds with sources, a check, and cases. One file each.

`lifesigns explain` and the documentation are made from these fields; nothing is written twice.

A rule names a symptom it can prove from a trace and orders the causes the symptom points to. It
sees records, what `lifesigns.evidence` makes of them, and the facts of the function catalogue, and
nothing else, so it runs unchanged live, on a stored run, and on hand-written traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from zlib import crc32

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.records import EVERYTHING, Finding, Quantity, Remedy, Severity, Trace

CAUSES = frozenset(
    {
        "wrong_output_activation", "wrong_loss", "unnormalised_input", "dead_relu", "nan",
        "exploding", "vanishing", "saturated", "lr_too_high", "lr_too_low", "bad_init",
        "linear_collapse", "missing_activation", "capacity", "too_few_epochs", "wrong_labels",
        "wrong_shape", "wrong_batch_size", "frozen", "other",
    }
)  # fmt: skip
"""The words a finding may use for a cause."""

FAMILIES = {
    "ACT": "activations",
    "INI": "initialisation",
    "GRD": "gradients",
    "LOS": "loss and output",
    "OPT": "optimisation",
    "DAT": "data",
}


RETIRED: frozenset[str] = frozenset()
"""Codes of rules that are gone; none is ever used again."""


@dataclass(frozen=True)
class Case:
    """A trace on which the rule must fire (with at least this severity) or must stay silent.

    A rule that only leaves a `note` counts as silent for `fires=None`. Every rule has at least two
    cases that fire and two that stay silent, one of them named `near miss: ...`, and one named
    `readings missing: ...`, silent unless what is left proves the symptom.
    """

    name: str
    trace: Callable[[], Trace]
    fires: Severity | None


@dataclass(frozen=True)
class Rule:
    """One rule; `rules/` discovers every module-level `RULE` by itself."""

    code: str
    """Family and number, never reused, e.g. `ACT001`."""
    name: str
    """The symptom, in words that read well after "ignore", e.g. `dead-units`."""
    title: str
    """One line for the list of rules."""
    why: str
    """Why it harms, in two sentences that teach."""
    check: Callable[[Stream], Iterable[Finding]] | None = None
    """Judges one loss with its snapshots; asked for each loss of the run that was recorded."""
    check_run: Callable[[Run], Iterable[Finding]] | None = None
    """Judges what concerns the run as a whole; asked once, even if nothing was recorded."""
    reads: frozenset[Quantity] = EVERYTHING
    """What it needs to be measured, besides the graphs and the value of the loss: what no rule that
    is asked needs is not recorded. All by default; without what is missing here it would judge the
    same."""
    sees: str = ""
    """What it sees: the symptom and what is behind it, in Markdown."""
    evidence: str = ""
    """How it is proved from the records: what is measured, and against what it is compared."""
    ignore: str = ""
    """When to ignore it: the healthy programs that come close, and how they are told apart."""
    references: tuple[str, ...] = ()
    """Where this is taught or was measured first, e.g. `Glorot & Bengio 2010, section 4`."""
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    explains: tuple[str, ...] = ()
    """Names of the rules whose findings are consequences of this one's."""
    cases: tuple[Case, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Eight digits that change with the English title and reason."""
        return f"{crc32(f'{self.title} {self.why}'.encode()):08x}"

    @property
    def page_fingerprint(self) -> str:
        """Eight digits that change with the English sections of the manual page."""
        texts = (self.sees, self.evidence, self.ignore, *(case.name for case in self.cases))
        return f"{crc32(' '.join(texts).encode()):08x}"

    @property
    def family(self) -> str:
        """The letters of the code, a key of `FAMILIES` unless another distribution has its own."""
        return self.code[:3]

    def judge(self, run: Run) -> Iterator[Finding]:
        """What the rule finds in a run: about the whole of it, then about each of its losses.

        Example:
            >>> from lifesigns.rules import find_rule
            >>> list(find_rule("dead-units").judge(Run(Trace())))
            []
        """
        if self.check_run is not None:
            yield from self.check_run(run)
        if self.check is not None:
            for stream in run.streams:
                yield from self.check(stream)

    def finding(
        self,
        severity: Severity,
        symptom: str,
        *,
        site: str = "",
        step: int = 0,
        measured: str,
        expected: str,
        certainty: str = "exact, in the recorded steps",
        causes: tuple[str, ...] = (),
        remedies: tuple[Remedy, ...] = (),
        evidence: Mapping[str, float] | None = None,
        intervals: Mapping[str, tuple[float, float]] | None = None,
        why: str = "",
    ) -> Finding:
        """A finding of this rule; `why` defaults to the rule's own two sentences.

        Numbers in `evidence` that are not finite could not be measured and are left out.
        """
        return Finding(
            rule=self.name,
            code=self.code,
            severity=severity,
            symptom=symptom,
            site=site,
            step=step,
            measured=measured,
            expected=expected,
            certainty=certainty,
            why=why or self.why,
            causes=causes,
            remedies=remedies,
            evidence={k: float(v) for k, v in (evidence or {}).items() if isfinite(v)},
            intervals={k: (float(a), float(b)) for k, (a, b) in (intervals or {}).items()},
        )
