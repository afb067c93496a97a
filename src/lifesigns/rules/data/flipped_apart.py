"""DAT042: images are flipped or turned, and their targets are not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.evidence.thresholds import HALF
from lifesigns.records import Finding, LossReading, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

TURNED, UPRIGHT, SAMPLES, TURN = "turned_samples", "upright_samples", "samples", "turned_by"
"""Details of a loss: samples that fit the turned target, or the target, of how many; which turn."""
STRANGERS = "turned_strangers"
"""Samples that fit the turned target of another sample, which has nothing to do with them."""
PLACES = "targets_are_places"
"""The same of targets that are coordinates."""
LOCAL = "only_convolutions"
"""1 where nothing else multiplies by weights, so that a network tells where it sees."""
TURNS = (
    "flipped from left to right",
    "flipped upside down",
    "turned by 180 degrees",
    *("turned by 90 degrees",) * 2,
    "with x and y exchanged",
    "mirrored at a diagonal",
)
"""In words, by the number of the turn."""
SHARE = Threshold(0.1, "share of the samples that fit a turned target", "few may do so by chance")
FEWEST = Threshold(5, "samples that fit a turned target", "few may do so by chance")
TIMES = Threshold(2, "times as many as fit the target of another sample, turned", "a definition")
STEPS = Threshold(2, "recorded steps with such samples", "one may be chance")
ALL = Threshold(0.9, "share of the samples, from which it may be meant", "nearly all")


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    losses = [loss for whole in stream.readings for loss in _most_turned(whole)]
    turned = [loss for loss in losses if loss.details[TURNED]]
    samples, count = _sum(losses, SAMPLES), _sum(turned, TURNED)
    by_chance = sum(loss.details.get(STRANGERS, 0.0) for loss in losses)
    if len(turned) < STEPS or count < FEWEST or count < max(SHARE * samples, TIMES * by_chance):
        return
    mixed = count < ALL * min(samples, count + _sum(losses, UPRIGHT))
    is_told_elsewhere = not mixed and bool(turned[0].details.get(LOCAL))
    unjudged = not math.isfinite(stream.course.gain)
    are_places = PLACES in turned[0].details
    turn = Counter(int(loss.details[TURN]) for loss in turned).most_common(1)[0][0]
    yield RULE.finding(
        stream.course.harm(HALF, alarms=mixed or (is_told_elsewhere and unjudged)),
        f"images and their targets lie apart: {count:.0f} of {samples:.0f} samples fit their "
        f"target {TURNS[turn]}",
        site="input",
        step=stream.first.step,
        measured=f"{_SEEN[are_places]}, in {len(turned)} of "
        f"{counted(len(losses), 'recorded step')}{stream.course.remark}",
        expected="targets that lie as their images do",
        certainty=f"exact, in {stream.seen}"
        + ("; that targets tell of what stands out is likely" if are_places else ""),
        causes=("wrong_labels", "other"),
        remedies=(_BOXES if are_places else _BOTH if mixed else _AXES, _LOOK),
        evidence={"turned": count, "samples": samples},
        why=_ELSEWHERE if is_told_elsewhere else "",
    )


def _most_turned(whole: LossReading) -> list[LossReading]:
    """Of the terms of a loss with such targets, the one that most samples fit turned."""
    known = [loss for loss in (whole, *whole.others) if TURNED in loss.details]
    return sorted(known, key=lambda loss: loss.details[TURNED])[-1:]


def _sum(losses: Sequence[LossReading], name: str) -> float:
    return sum(loss.details[name] for loss in losses)


_ELSEWHERE = (
    "Convolutions tell of what is at a place at that very place: none turns a whole image round. "
    "What is left to learn is how often something is where, and the samples by heart."
)
_SEEN = {
    False: "what these images show, or the network makes of them, correlates clearly better with "
    "the target as it would then lie than as it does",
    True: "the target is as far from the middle as what stands out in these images, and on the "
    "other side of it",
}
_BOXES = Remedy(
    "Draw once, and flip or turn an image and its coordinates together.",
    "if torch.rand(()) < 0.5:\n    image = image.flip(-1)  # x1, y1, x2, y2:\n"
    "    box = torch.stack([1 - box[2], box[1], 1 - box[0], box[3]])",
)
_BOTH = Remedy(
    "Draw once, and flip or turn an image and its target together.",
    "if torch.rand(()) < 0.5:\n    image, mask = image.flip(-1), mask.flip(-1)",
)
_AXES = Remedy(
    "Draw the targets as the images lie: rows are y, from above, and columns are x.",
    "row, column = int(cy / cell), int(cx / cell)\ntarget[row, column] = 1.0  # not [column, row]",
)
_LOOK = Remedy(
    "Look at some images with their targets beside them, as the loss gets them.",
    "plt.imshow(torch.cat([image[0], mask[0]], -1))",
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    turned: int,
    upright: int = 8,
    losses: Sequence[float] = example.FLAT,
    *,
    places: bool = False,
    only_convolutions: bool = True,
    kind: str = "squared_error",
    strangers: int = 0,
) -> Trace:
    """Of 16 samples in each step."""
    marks = {TURNED: float(turned), UPRIGHT: float(upright), SAMPLES: 16.0, TURN: 0.0}
    marks[STRANGERS] = float(strangers)
    marks |= {PLACES: 1.0} if places else {LOCAL: float(only_convolutions)}
    return example.marked(example.regression(losses, update=1e-3, kind=kind), marks)


def _unjudged(only_convolutions: bool = True) -> Trace:
    """All are turned, and whether the loss is a good one is not known."""
    return _example(16, 0, example.FALLING, only_convolutions=only_convolutions, kind="")


RULE = Rule(
    code="DAT042",
    name="flipped-apart",
    title="Images are flipped or turned, and their targets are not",
    why="What is to be seen is told at another place then. Where it happens to some of the "
    "samples, the best answer to an image is a mixture of both ways, and the loss cannot get below "
    "that.",
    sees="""
An augmentation that flips, turns or mirrors the image of a segmentation, a depth map or another
target of pixels, and leaves the target as it was; or draws twice, once for each. The same of boxes
and joints that are told as coordinates, and of a steering angle, which changes its sign. Or targets
that are drawn with x and y exchanged, as maps of joints, or the cells of a grid in which a detector
is to find something.
""",
    evidence="""
In each recorded step the targets of up to 16 samples are flipped and turned in all ways that lay an
image on itself. A sample counts where its image, or the network's output for it, correlates clearly
better with one of these than with the target as it is; and at least twice as many do so as fit the
turned target of another sample, with which they have nothing to do. It also counts where most
samples fit one and the same of these best, however small what is to be found is: the image is
averaged over the cells of a coarser target, and so is the square of its distance from its mean, for
what stands out may be bright or dark.
Coordinates are compared with the centre of what stands out in each of up to 32 images: where both
are equally far from the middle, those samples count that are on the other side than most.
""",
    ignore="""
Where nearly all samples are turned, that may be the task, and it is a note if the network learns
it, or if that is not known, unless it has convolutions alone. Targets that look alike from
both sides are not counted. Coordinates say nothing where something else stands out in the images.
""",
    references=("PyTorch, `torchvision.transforms.v2`: images and masks are transformed together",),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "share": SHARE,
        "fewest": FEWEST,
        "steps": STEPS,
        "all": ALL,
        "fit": HALF,
        "times": TIMES,
    },
    explains=(
        *("loss-flat", "labels-unrelated", "stopped-early", "constant-output", "rate-too-low"),
        *("rate-ran-out", "learned-by-heart"),
    ),
    cases=(
        Case("half of them", lambda: _example(8), Severity.WARNING),
        Case("a few, and it learns", lambda: _example(3, 12, example.FALLING), Severity.WARNING),
        Case("coordinates of half of them", lambda: _example(8, places=True), Severity.WARNING),
        Case("near miss: coordinates that fit", lambda: _example(0, places=True), None),
        Case("all, and nothing is learned", lambda: _example(16, 0), Severity.ERROR),
        Case("all, of convolutions, in a loss without a baseline", _unjudged, Severity.WARNING),
        Case("near miss: such a loss, and layers that see all", lambda: _unjudged(False), None),
        Case(
            "near miss: as many fit the targets of others", lambda: _example(8, strangers=5), None
        ),
        Case("near miss: one of sixteen", lambda: _example(1, 15), None),
        Case("near miss: all, and it learns", lambda: _example(16, 0, example.FALLING), None),
        Case("as they are", lambda: _example(0, 16), None),
        Case("readings missing: no loss", lambda: example.unread(_example(8)), None),
    ),
)
