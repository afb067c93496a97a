"""OPT016: something drops units although the network was put in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.evaluated import evaluated_places
from lifesigns.evidence.sites import listed
from lifesigns.records import EvaluationPass, Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

ONCE = Threshold(1, "observations of something dropped, at least: passes", "exact test")


def check_run(run: Run) -> Iterable[Finding]:
    """At most one finding."""
    places = [place for place in evaluated_places(run.trace) if not place.is_repeated]
    found = [p for place in places for p in place.passes if not p.training and p.loose]
    if len(found) >= ONCE:
        yield _finding(run, found)


def _finding(run: Run, found: Sequence[EvaluationPass]) -> Finding:
    names = [name for name in found[0].loose if name]
    return RULE.finding(
        Severity.WARNING,
        "units are dropped in evaluation mode" + (f", within {listed(names)}" if names else ""),
        site=names[0] if names else "",
        step=found[0].step,
        measured="a pass of the network in evaluation mode dropped units: by a function that was "
        "not told the mode, or a module that is no part of the network"
        f"{run.streams[0].course.remark if run.streams else ''}",
        expected="all units, and the same answer each time",
        certainty=f"exact: {len(found)} of {len(run.trace.evaluations)} passes that were looked at",
        causes=("other",),
        remedies=(_TELL, _HOLD),
        evidence={"places": len(found[0].loose)},
    )


_TELL = Remedy(
    "Tell the function the mode: by default it drops units in every mode.",
    "x = F.dropout(x, 0.5, training=self.training)",
    edit="tell-mode",
)
_HOLD = Remedy(
    "Or make the dropout a part of the network, in its constructor.",
    "self.dropout = nn.Dropout(0.5)\n# in forward:\nx = self.dropout(x)",
)


# --- cases ----------------------------------------------------------------------------------------
_PASS = EvaluationPass(50, samples=32)
_LOOSE = replace(_PASS, loose=("encoder",))


def _example(*passes: EvaluationPass) -> Trace:
    """A network that learns for a hundred steps, and how it was evaluated."""
    return replace(example.regression(example.FALLING, update=1e-3), evaluations=passes)


RULE = Rule(
    code="OPT016",
    name="dropout-in-evaluation",
    title="Units are dropped although the network is in evaluation mode",
    why="eval() reaches the modules that a network holds. A dropout that is called as a function "
    "without its mode, or made anew in each pass, goes on switching units off, so that the network "
    "is tested and used with a random part of what it has learned.",
    sees="""
`F.dropout(x, 0.5)` without `training=self.training`, `nn.Dropout(0.5)(x)` within `forward`, dropout
modules in a plain list, attention with `dropout_p` that is never 0. The score in evaluation mode is
far below what the network can do, and another one each time.
""",
    evidence="""
Of each place in the program that switches gradients off, or calls `eval()`, the first passes are
followed: whether a function of dropout is called that drops something, and within which module.
""",
    ignore="""
Dropout that is left on to average over many passes: where an input comes again with no step of
training in between, alone or with the whole test set, nothing is said. Nor where the module that
drops units was put back in training mode.
""",
    references=(
        "torch documentation, torch.nn.functional.dropout: training is True by default",
        "Gal & Ghahramani 2016, Dropout as a Bayesian Approximation: dropout left on, on purpose",
    ),
    reads=frozenset({Quantity.LOSS}),
    check_run=check_run,
    thresholds={"once": ONCE},
    cases=(
        Case("a function that is not told", lambda: _example(_LOOSE), Severity.WARNING),
        Case(
            "in one evaluation of two",
            lambda: _example(_PASS, replace(_LOOSE, place=1, loose=("",))),
            Severity.WARNING,
        ),
        Case(
            "near miss: an average over many passes",
            lambda: _example(_LOOSE, replace(_LOOSE, is_again=True)),
            None,
        ),
        Case(
            "near miss: modules put back in training mode",
            lambda: _example(replace(_PASS, dropouts=("2",))),
            None,
        ),
        Case("all units", lambda: _example(_PASS), None),
        Case("readings missing: passes", lambda: example.unread(_example(_LOOSE)), None),
    ),
)
