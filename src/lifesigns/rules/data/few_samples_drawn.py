"""DAT032: a sampler with a weight for each class draws as many samples as it has weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Loader, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

OFTEN = Threshold(
    10, "times that each sample is drawn in an epoch, on average", "the recorder counts from there"
)


def check(stream: Stream) -> Iterator[Finding]:
    """At most one finding per stream."""
    for loader in stream.trace.loaders:
        if 0 < loader.weights <= max(loader.batch, _classes(stream)):
            yield _finding(stream, loader)
            return


def _classes(stream: Stream) -> int:
    """The most classes that a target of the stream chooses from; 0 if none is a class."""
    targets = (reading.target for reading in stream.readings)
    counts = (target.class_counts for target in targets if target is not None)
    return max((len(known) for known in counts if known is not None), default=0)


def _finding(stream: Stream, loader: Loader) -> Finding:
    return RULE.finding(
        Severity.ERROR,
        f"a weighted sampler has {counted(loader.weights, 'weight')} and so draws only the first "
        f"{counted(loader.weights, 'sample')}",
        site="input",
        step=stream.first.step,
        measured=f"WeightedRandomSampler with {counted(loader.weights, 'weight')} draws "
        f"{counted(loader.samples, 'sample')} an epoch, in batches of {loader.batch}"
        + stream.course.remark,
        expected="a weight for each sample of the data, not for each class",
        certainty="exact, by the number of weights",
        causes=("wrong_labels", "other"),
        remedies=(_EACH,),
        evidence={"weights": loader.weights, "draws": loader.samples, "batch": loader.batch},
    )


_EACH = Remedy(
    "Give the sampler one weight for each sample: that of its class.",
    "weights = class_weights[labels]  # labels of all samples, in their order\n"
    "sampler = WeightedRandomSampler(weights, num_samples=len(weights))",
    edit="weigh-each-sample",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    weights: int, *, batch: int = 64, losses: Sequence[float] = example.FALLING, classes: int = 2
) -> Trace:
    """A classifier whose loader draws 3000 samples by so many weights."""
    graph = example.chain("linear", "relu", f"linear/{classes}", "log_softmax", "nll_loss")
    known = example.fitting(
        graph,
        losses,
        [[0.0] * classes] * 8,
        example.target([0, 1] * 4, classes=classes),
        kind="cross_entropy",
    )
    return replace(known, loaders=(Loader(3000, batch, 6, 6, weights=weights),))


RULE = Rule(
    code="DAT032",
    name="few-samples-drawn",
    title="A weighted sampler draws the first few samples only",
    why="WeightedRandomSampler draws positions in its list of weights, so it needs one weight for "
    "each sample. Given one for each class it draws sample 0, sample 1 and so on, as many as there "
    "are classes, and the network learns those by heart.",
    sees="""
Sampling against unbalanced classes with `WeightedRandomSampler(class_weights, len(data))`. An epoch
is as long as ever, the loss falls to nothing within it, and what is evaluated is at the level of a
guess.
""",
    evidence="""
The number of the sampler's weights when its loader is begun, where it draws ten times as many
samples or more. It alarms if they are no more than the classes of the targets, or than one batch:
then each batch repeats samples. The data themselves are not asked.
""",
    ignore="""
A handful of samples drawn again and again on purpose, to see whether they can be learned at all: a
loader without a sampler shows that as well.
""",
    references=("torch documentation, torch.utils.data: WeightedRandomSampler",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={"often": OFTEN},
    explains=(
        "one-class-targets",
        "constant-features",
        "stopped-early",
        "labels-unrelated",
        "loss-flat",
        "constant-output",
        "rate-too-low",
    ),
    cases=(
        Case("a weight for each of two classes", lambda: _example(2), Severity.ERROR),
        Case(
            "a weight for each of many classes",
            lambda: _example(100, batch=32, classes=100),
            Severity.ERROR,
        ),
        Case("near miss: a weight for each of 300 samples", lambda: _example(300), None),
        Case("near miss: a weight for each sample", lambda: _example(0), None),
        Case("readings missing: no loader", lambda: replace(_example(2), loaders=()), None),
    ),
)
