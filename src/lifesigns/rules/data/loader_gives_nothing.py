"""DAT017: a loader has no batch to give, and nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lifesigns.evidence import Run, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Loader, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

IN_VAIN = Threshold(
    2, "times that it was begun anew with no step in between", "more than a last evaluation"
)


def check_run(run: Run) -> Iterator[Finding]:
    """At most one finding: of the loader that was begun most often."""
    empty = [loader for loader in run.trace.loaders if loader.is_empty]
    if empty:
        loader = max(empty, key=lambda one: one.begun)
        in_vain = not _trains(run.trace) or loader.begun - loader.steps >= IN_VAIN
        yield _finding(run.trace, loader, Severity.ERROR if in_vain else Severity.NOTE)


def _trains(trace: Trace) -> bool:
    return bool(trace.steps or len(trace.losses.steps) or trace.severed)


def _finding(trace: Trace, loader: Loader, severity: Severity) -> Finding:
    have = counted(loader.samples, "sample")
    steps = counted(trace.steps, "training step") if trace.steps else "no training step"
    how = ", and drops what does not fill one" if loader.samples else ""
    return RULE.finding(
        severity,
        f"a loader gives no batch: {have}, and a batch takes {loader.batch}",
        site="input",
        measured=f"a loader has {have} and batches of {loader.batch}{how}; it gave nothing, "
        f"{counted(loader.begun, 'time')}; {steps} seen",
        expected="at least one batch each time",
        certainty="exact, by the number of samples and the size of a batch",
        causes=("wrong_batch_size", "other"),
        remedies=(_KEEP, _SMALLER) if loader.samples else (_LOOK,),
        evidence={"samples": loader.samples, "batch": loader.batch, "begun": loader.begun},
    )


_KEEP = Remedy(
    "Keep the batch that is not full: leave `drop_last` out.",
    "loader = DataLoader(data, batch_size=64, shuffle=True)",
)
_SMALLER = Remedy("Or take batches that the samples fill.", "batch_size = min(64, len(data))")
_LOOK = Remedy(
    "Look at what the data set was made of: a folder, a filter or a split left nothing in it.",
    "assert len(data) > 0",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(loader: Loader, *, trained: bool = False) -> Trace:
    known = example.regression(example.FALLING, update=1e-3) if trained else Trace()
    return replace(known, loaders=(Loader(45, 32, 5, 1), loader))


_EMPTY = Loader(105, 128, 300, 1, is_empty=True)

RULE = Rule(
    code="DAT017",
    name="loader-gives-nothing",
    title="A loader has no batch to give",
    why="With drop_last a batch that is not full is left out, and where all samples together do "
    "not fill one, nothing is left. A loop over it ends at once and does not complain: no step "
    "is made, and the network stays as it was drawn.",
    sees="""
A `DataLoader` with `drop_last=True` over fewer samples than a batch takes: a small data set, a fold
or split of one, the share of one process. The epochs fly by, a total that is divided by the number
of batches guarded against 0 shows nothing, and what is evaluated is the untrained network.
""",
    evidence="""
The samplers of torch know how many samples they give. A loader counts whose samples do not fill one
batch, with what is left dropped, once it is begun. It is an error if no step was seen in the run,
or if the loader was begun again and again with no step in between.
""",
    ignore="""
Where the network is trained with other loaders, and this one is only begun now and then, as for an
evaluation, it is a note: nothing is evaluated with it. Loaders of the user's own samplers, and of
streams whose number nobody knows, are not judged.
""",
    references=("torch documentation, torch.utils.data: DataLoader, drop_last",),
    reads=frozenset(),
    check_run=check_run,
    thresholds={"in_vain": IN_VAIN},
    cases=(
        Case("no batch, no step", lambda: _example(_EMPTY), Severity.ERROR),
        Case(
            "no sample at all",
            lambda: _example(replace(_EMPTY, samples=0, begun=1)),
            Severity.ERROR,
        ),
        Case(
            "a second training that makes no step",
            lambda: _example(replace(_EMPTY, begun=30), trained=True),
            Severity.ERROR,
        ),
        Case(
            "near miss: begun for evaluations alone",
            lambda: _example(replace(_EMPTY, begun=11, steps=10), trained=True),
            None,
        ),
        Case(
            "near miss: it gives batches, and nothing is trained",
            lambda: _example(Loader(105, 128, 300, 1)),
            None,
        ),
        Case("readings missing: nothing was seen of loaders", Trace, None),
    ),
)
