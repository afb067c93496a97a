"""OPT007: dropout or batch normalisation run in evaluation mode while the network trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import listed
from lifesigns.records import Finding, Kind, Quantity, Remedy, Severity, Snapshot, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

STEPS = Threshold(0.5, "share of the recorded steps in evaluation mode", "exact test")
LAST = Threshold(2, "last recorded steps in evaluation mode, all of them", "exact test")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream: an alarm if a whole network trains in evaluation mode."""
    shots = stream.snapshots
    found = [s for s in shots if _affected(s)]
    mostly = len(found) > STEPS * len(shots)
    if found and (mostly or _for_good(shots)):
        yield _finding(stream, found)


def _for_good(shots: Sequence[Snapshot]) -> bool:
    """Training mode was left and never entered again: a validation that nothing follows.

    The recorded steps lie dense at the beginning only, so their share does not tell.
    """
    last = shots[-int(LAST) :]
    return len(last) >= LAST and all(_affected(s) for s in last)


def _affected(snapshot: Snapshot) -> list[str]:
    """Modules that behave otherwise in training, without the roots."""
    return [name for name in snapshot.evaluating if name not in _roots(snapshot)]


def _roots(snapshot: Snapshot) -> list[str]:
    """Evaluating modules that hold all other evaluating ones; a root's path is mostly empty."""
    names = snapshot.evaluating
    return [root for root in names if root == "" or any(n.startswith(f"{root}.") for n in names)]


def _finding(stream: Stream, found: Sequence[Snapshot]) -> Finding:
    first, names = found[0], _affected(found[0])
    whole = bool(_roots(first)) and _all_trained(first)
    course = stream.course
    return RULE.finding(
        Severity.WARNING if whole else Severity.NOTE,
        f"in evaluation mode on training steps: {listed(names)}",
        site=_site(first, names[0]),
        step=first.step,
        measured=f"{len(names)} modules in evaluation mode on {len(found)} recorded steps"
        + (", the whole network among them" if whole else ", the network itself in training mode")
        + f"; {course}",
        expected="training mode: dropout drops, batch normalisation uses the batch",
        certainty=f"exact, in {stream.seen}",
        causes=("other",),
        remedies=(
            Remedy(
                "Go back to training mode after each evaluation.",
                "model.eval()\n# ... evaluate ...\nmodel.train()",
                edit="train-mode",
            ),
        ),
        evidence={"modules": float(len(names))},
    )


def _all_trained(snapshot: Snapshot) -> bool:
    """A frozen part in evaluation mode is meant to be there."""
    return all(p.trainable for p in snapshot.parameters)


def _site(snapshot: Snapshot, module: str) -> str:
    return next((s.name for s in snapshot.graph.sites if s.module == module), module)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    evaluating: tuple[str, ...], *, steps: int = 4, of: int = 4, after: int = 0, **reading: bool
) -> Trace:
    """`evaluating` on the first `of` of the recorded steps, not before the step `after`."""
    graph = example.chain("linear", "batch_norm", "relu", "linear/1", "mse_loss")
    assert graph.sites[1].kind is Kind.NORM
    shots = [
        example.snapshot(
            graph,
            step=step,
            parameters=example.weights(graph, weight_rms=0.1, gradient_rms=0.1, **reading),
            evaluating=evaluating if after <= step < of else (),
        )
        for step in range(steps)
    ]
    return example.trace(*shots, losses=[1.0, 0.9] * 30)


RULE = Rule(
    code="OPT007",
    name="eval-mode-in-training",
    title="Dropout or batch normalisation in evaluation mode on training steps",
    why="In evaluation mode dropout drops nothing and batch normalisation uses its running "
    "averages, which training then never updates. What is trained is another network than the one "
    "that was meant, without its regularisation.",
    sees="""
Modules that behave otherwise in training (dropout, batch normalisation) and that ran in evaluation
mode on steps that train. The usual reason is a `model.eval()` before a validation that no
`model.train()` follows.
""",
    evidence="""
The mode of every such module is read while the recorded step runs forward. It counts on most of
the recorded steps, or on all of the last ones. It is an alarm if the network itself is in
evaluation mode and all of its parameters are trained.
""",
    ignore="""
Fine-tuning keeps the batch normalisation of a frozen part in evaluation mode on purpose, and so do
some detectors throughout: then it is a note, as it is where only parts are in evaluation mode.
""",
    references=(
        "Ioffe & Szegedy 2015, Batch Normalization, section 3.1: training and inference",
        "torch documentation, Module.eval",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS, "last": LAST},
    cases=(
        Case("the whole network", lambda: _example(("", "1")), Severity.WARNING),
        Case("a network with a name", lambda: _example(("net", "net.1")), Severity.WARNING),
        Case(
            "from the first validation on",
            lambda: _example(("", "1"), steps=6, after=4, of=6),
            Severity.WARNING,
        ),
        Case("near miss: the last step only", lambda: _example(("", "1"), after=3), None),
        Case("near miss: one norm only", lambda: _example(("1",)), None),
        Case("near miss: a frozen part", lambda: _example(("", "1"), trainable=False), None),
        Case("near miss: one step of four", lambda: _example(("", "1"), of=1), None),
        Case("in training mode", lambda: _example(()), None),
        Case("near miss: nothing in it behaves otherwise", lambda: _example(("",)), None),
        Case("readings missing", lambda: example.unread(_example(())), None),
    ),
)
