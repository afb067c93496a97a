"""Looks at what is found while a run goes on: tells the user, or ends the run, as asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lifesigns._errors import Meant, TrainingStopped, UsageError
from lifesigns.evidence.sites import counted
from lifesigns.locale.spoken import said_in, shown_in, spoken
from lifesigns.records import Finding, Severity, Snapshot
from lifesigns.records.kept import NOTABLE
from lifesigns.report.language import Language
from lifesigns.report.sentences import findings_in
from lifesigns.rules import Selection

GROWTH = 1.25
"""Each look at the run comes after so many times the steps of the one before: judging a run costs
what some of its steps cost, and the longer it has been quiet, the less a few steps matter."""
WORSE = {
    Severity.ERROR: frozenset({Severity.ERROR}),
    Severity.WARNING: frozenset({Severity.ERROR, Severity.WARNING}),
    Severity.NOTE: frozenset(Severity),
}
"""What a severity stands for: itself, and all that is worse."""

OnFinding = Callable[[Finding], object]


class Stop:
    """Which findings end a run.

    Args:
        words: Severities (`warning` stands for errors, too), and rules by name, code or family.

    Raises:
        UsageError: One of them is neither.
    """

    def __init__(self, words: str | Iterable[str]) -> None:
        given = _words(words)
        named = {severity.value: WORSE[severity] for severity in Severity}
        self._severities = frozenset[Severity]().union(*(named.get(w, ()) for w in given))
        rules = [word for word in given if word not in named]
        self._rules = Selection.of(rules).select if rules else frozenset[str]()
        if not (self._severities or self._rules):
            raise _no_words(words)
        self.words = ", ".join(given)

    def __contains__(self, finding: Finding) -> bool:
        return finding.severity in self._severities or finding.rule in self._rules


def _words(given: str | Iterable[str]) -> list[str]:
    several = given.split(",") if isinstance(given, str) else given
    words = list(several) if isinstance(several, Iterable) else [several]
    if not all(isinstance(word, str) for word in words):
        raise _no_words(given)
    return [word.strip() for word in words]


def _no_words(given: object) -> UsageError:
    return UsageError(
        f"stop_on={given!r}: expected a severity (error, warning, note) or rules such as "
        "'dead-units'"
    )


class Looks:
    """Judges the run now and then, at the ends of steps, and tells what is new.

    The steps at which it does depend on the run alone: 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, … and
    those that were recorded because their loss was not finite, or jumped.

    Args:
        judged: What the rules conclude from the run so far.
        on_finding: Called with each finding that is new.
        stop: Which findings end the run.
    """

    def __init__(
        self,
        judged: Callable[[], Iterable[Finding]],
        on_finding: OnFinding | None = None,
        stop: Stop | None = None,
    ) -> None:
        self._judged, self._on_finding, self._stop = judged, on_finding, stop
        self._next, self._sudden, self._left = 1, False, NOTABLE
        self._told: set[tuple[str, str]] = set()

    def notice(self, snapshot: Snapshot) -> None:
        """A step that stands out is looked at when it ends, the first few of them.

        Args:
            snapshot: One that was just recorded.
        """
        if self._left and (snapshot.reason != "scheduled" or snapshot.nonfinite):
            self._sudden, self._left = True, self._left - 1

    def look(self, step: int) -> None:
        """Tells what is new, if it is time to look.

        Args:
            step: How many steps the run has made.

        Raises:
            Meant: The run is to end, or the user's function has raised.
        """
        if step < self._next and not self._sudden:
            return
        self._next, self._sudden = max(step + 1, int(step * GROWTH)), False
        findings = tuple(self._judged())
        try:
            self.tell(findings)
        except Exception as error:
            self._on_finding = None  # or the end of the run would call it again, and hide this one
            raise Meant(error) from error
        for finding in findings:
            if self._stop is not None and finding in self._stop:
                raise Meant(_stopped(finding, step, self._stop.words))

    def tell(self, findings: Iterable[Finding]) -> None:
        """Tells which of the findings are new: of another rule, or at another place.

        Args:
            findings: All there are.

        Raises:
            Exception: The user's function has raised it.
        """
        for finding in findings if self._on_finding is not None else ():
            key = finding.rule, finding.site
            if key not in self._told:
                self._told.add(key)
                self._on_finding(finding)  # type: ignore[misc]


def _stopped(finding: Finding, step: int, asked: str) -> TrainingStopped:
    language = shown_in(spoken())[0]
    (shown,) = findings_in(Language(language), [finding])
    steps = counted(step, "step")
    first = f" Do first: {shown.remedies[0].text}" if shown.remedies else ""
    error = TrainingStopped(
        said_in(
            language,
            f"Training was ended after {steps}, as stop_on={asked!r} asked for. {finding.code} "
            f"{finding.rule} at {finding.site or 'the whole run'}: {shown.symptom}.{first} "
            f"More: lifesigns explain {finding.rule}",
            "watching",
        )
    )
    error.finding, error.step = finding, step
    return error
