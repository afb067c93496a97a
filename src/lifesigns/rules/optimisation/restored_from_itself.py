"""OPT032: the weights that are restored are the network's own, trained on since they were kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.still import trained
from lifesigns.records import Finding, OwnLoad, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule
from lifesigns.rules.testing import FALLING

SINCE = Threshold(
    1, "steps between `state_dict()` and the load", "arithmetic: with none, nothing is lost"
)


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding."""
    load = run.trace.own_load
    if load is None or load.step - load.taken < SINCE:
        return
    if any(p.update_rms > 0 for history in trained(run) for p in history):
        yield _finding(load)


def _finding(load: OwnLoad) -> Finding:
    since = counted(load.step - load.taken, "step")
    if load.is_mixed:
        symptom = (
            f"{load.network} is given a mixture of its weights before and after some steps, but "
            "both are its latest: nothing was kept"
        )
        measured = (
            f"load_state_dict after step {load.step} left the weights as they were, time after "
            f"time: the older ones to mix are those of state_dict() after step {load.taken}, "
            f"without a copy, and {since} have changed them since"
        )
    else:
        symptom = (
            f"what is loaded back into {load.network} is its own latest weights: nothing was kept"
        )
        measured = (
            f"load_state_dict after step {load.step} was given the memory that the weights "
            f"lie in: state_dict() returned it after step {load.taken}, without a copy, and "
            f"{since} have changed it since"
        )
    return RULE.finding(
        Severity.WARNING,
        symptom,
        step=load.step,
        measured=measured,
        expected="a copy of the weights as they were when they were kept",
        certainty=f"exact, as of step {load.step}",
        causes=("other",),
        remedies=(_COPY_BEFORE,) if load.is_mixed else (_COPY, _SAVE),
        evidence={"taken": load.taken, "step": load.step},
    )


_COPY_BEFORE = Remedy(
    "Copy the weights before the steps: state_dict() returns the live tensors.",
    "before = copy.deepcopy(model.state_dict())",
)
_COPY = Remedy(
    "Keep a copy: state_dict() returns the live tensors, which each step changes.",
    "best = copy.deepcopy(model.state_dict())",
)
_SAVE = Remedy(
    "Or write it to a file, and load that.",
    "torch.save(model.state_dict(), path)\nmodel.load_state_dict(torch.load(path))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(load: OwnLoad | None, *, update: float = 1e-3) -> Trace:
    return replace(example.regression(FALLING, update=update), own_load=load)


_OWN = OwnLoad("Net", taken=40, step=100)
_MIXED = OwnLoad("Net", taken=96, step=104, is_mixed=True)

RULE = Rule(
    code="OPT032",
    name="restored-from-itself",
    title="The weights that are restored were never kept",
    why="state_dict() returns the tensors of the network, not copies. Whoever keeps them as the "
    "best so far keeps what each further step changes, and loading them back changes nothing: "
    "early stopping, the best epoch, or the same start for each fold of a cross-validation have "
    "no effect, and nothing complains.",
    sees="""
`best = model.state_dict()` when the validation improves, and `model.load_state_dict(best)` at the
end: the network stays as the last epoch has left it, overfitted as it may be. Or `before =
model.state_dict()` of Reptile and the like: the step from `before` to `after` has no length.
""",
    evidence="""
Calls of `state_dict` and `load_state_dict` are noted with their steps. All parameters that are
trained are given the memory in which they lie, by tensors that `state_dict()` returned before, and
the weights have other numbers than they had then. Of a mixture: three loads in a row change
nothing, although the program holds such a state from before the latest steps, and one from after
them.
""",
    ignore="""
Where no step came between the two nothing is lost: as where a state is taken, written to and loaded
back. Copies of any kind, files, and averages that are swapped in have a memory of their own. A
state that was kept long before, and written to in place just before it is loaded, is taken for one
that was not.
""",
    references=(
        "PyTorch tutorials, Saving and loading models: best_model_state = model.state_dict() "
        "returns a reference to the state and not its copy",
    ),
    reads=frozenset({Quantity.PARAMETERS, Quantity.UPDATES}),
    check_run=check_run,
    thresholds={"since": SINCE},
    cases=(
        Case("the best of many epochs", lambda: _example(_OWN), Severity.WARNING),
        Case(
            "kept before the first step", lambda: _example(OwnLoad("Net", 0, 100)), Severity.WARNING
        ),
        Case("a mixture of weights", lambda: _example(_MIXED), Severity.WARNING),
        Case("near miss: loaded at once", lambda: _example(OwnLoad("Net", 100, 100)), None),
        Case("near miss: a copy was loaded", lambda: _example(None), None),
        Case("near miss: nothing was trained", lambda: _example(_OWN, update=0), None),
        Case("readings missing: no updates", lambda: example.unread(_example(_OWN)), None),
    ),
)
