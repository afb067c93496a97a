"""LOS090: of several ways to match outputs and targets, one is chosen for a whole batch."""

from __future__ import annotations

from collections.abc import Iterable

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OPTIONS = "batch_options"
"""Detail of a loss: how many losses of the whole batch it is the least of."""
STEPS = Threshold(2, "recorded steps in which it is so", "one may be a trial")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    marked = stream.marked(OPTIONS)
    if len(marked) < STEPS or len(marked) < len(stream.readings):
        return
    options = marked[-1].details[OPTIONS]
    yield RULE.finding(
        Severity.WARNING,
        f"the best of {options:.0f} ways to match outputs and targets is chosen for the whole "
        "batch, not for each sample",
        step=stream.first.step,
        measured=f"the loss is the least of {options:.0f} numbers, each of which is a loss of all "
        f"samples of the batch, in {counted(len(marked), 'recorded step')}{stream.course.remark}",
        expected="a minimum for each sample, and then their mean",
        certainty=f"exact, in {stream.seen}",
        causes=("wrong_loss", "wrong_shape"),
        remedies=(_EACH,),
        evidence={"options": options},
    )


_EACH = Remedy(
    "Keep one loss for each sample and way, take the minimum over the ways, and then the mean.",
    "losses = torch.stack([loss(output[:, p], target) for p in ways])  # [ways, samples]\n"
    "loss = losses.min(dim=0).values.mean()",
)


# --- cases ----------------------------------------------------------------------------------------
def _unmarked() -> Trace:
    return example.regression(example.FALLING, update=1e-3)


def _example(options: float = 2, *, steps: int = 4) -> Trace:
    return example.marked_each(_unmarked(), [{OPTIONS: options}] * steps)


RULE = Rule(
    code="LOS090",
    name="chosen-for-the-batch",
    title="One match of outputs and targets is chosen for the whole batch",
    why="Which output belongs to which target differs from sample to sample. One choice for all of "
    "them fits about half of the samples of a large batch, whatever the network says, so it is "
    "pulled towards outputs that are all alike.",
    sees="""
A loss that does not know the order of its outputs, as of separated voices or of several hypotheses:
`torch.stack([loss(permuted).mean() for …]).min()`, where the mean over the samples comes before the
minimum. Or the negative of the largest mean score, as of signals over noise.
""",
    evidence="""
The loss, or a term of it, is the minimum of two single numbers or more, or the negative of the
maximum, all of which were computed from the same outputs for more than one sample. Exact, read off
the graph.
""",
    ignore="""
The largest of several losses, as of the group that is served worst, is meant to be one. A minimum
of losses of different networks that share nothing is not looked at, nor a minimum in
Python, which leaves no trace in the graph. With one sample in a batch both are the same.
""",
    references=(
        "Yu et al. 2017, Permutation invariant training of deep models for speaker-independent "
        "multi-talker speech separation",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"steps": STEPS},
    explains=("loss-flat", "stopped-early", "constant-output"),
    cases=(
        Case("the better of two", _example, Severity.WARNING),
        Case("the best of six", lambda: _example(6), Severity.WARNING),
        Case("near miss: none", _unmarked, None),
        Case("near miss: one step", lambda: _example(steps=1), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
