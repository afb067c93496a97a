"""DAT053: maps of classes were resized by taking means, which are other classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lifesigns.evidence import Stream, Threshold
from lifesigns.evidence.sites import counted
from lifesigns.records import Finding, Quantity, Remedy, Severity, Trace
from lifesigns.rules import testing as example
from lifesigns.rules._rule import Case, Rule

BORDERS, BLENDED, KINDS = "far_borders", "blended_borders", "blended_kinds"
"""Details of a loss: of three neighbours, those whose outer ones are distant classes; of these,
those with a class between; and pairs of outer classes of the latter."""
CHANGES, JUMPS = "changes", "far_changes"
"""Neighbours of different classes, and those that have other classes between."""
STEPS = Threshold(3, "recorded steps in which it is so", "a definition: more than an accident")
FEWEST = Threshold(
    100, "borders with another class between, per step at least", "a definition: no accident"
)
SHARE = Threshold(
    0.15, "share of the borders that have a class between", "maps that were not resized: 0"
)
PAIRS = Threshold(
    3, "pairs of classes with others between", "one pair may have a border of its own"
)
KINDS_OF = Threshold(
    0.2, "share of the changes that skip a class", "levels of a size, as of depth, go one by one"
)


def check(stream: Stream) -> Iterable[Finding]:
    """At most one finding per stream."""
    seen = [one.details for one in stream.marked(BORDERS)]
    if len(seen) < STEPS or not all(map(_is_blended, seen)):
        return
    borders, blended = (int(sum(one[name] for one in seen)) for name in (BORDERS, BLENDED))
    yield RULE.finding(
        Severity.WARNING,
        "the maps of classes were resized as pictures: at borders they hold classes that lie "
        "between, by their numbers",
        step=stream.first.step,
        measured=f"of {borders} borders between classes whose numbers differ by three or more, "
        f"{blended / borders:.0%} have a class of a number between as their one place, in "
        f"{counted(len(seen), 'recorded step')}{stream.course.remark}",
        expected="no class at a border but those that meet there",
        certainty=f"beyond chance, in {stream.seen}",
        causes=("wrong_labels", "other"),
        remedies=(_NEAREST,),
        evidence={"borders": borders, "blended": blended},
    )


def _is_blended(seen: Mapping[str, float]) -> bool:
    enough = seen[BLENDED] >= FEWEST and seen[KINDS] >= PAIRS
    often = seen[BLENDED] > SHARE * seen[BORDERS]
    return enough and often and seen[JUMPS] > KINDS_OF * seen[CHANGES]


_NEAREST = Remedy(
    "Resize maps of classes by their nearest neighbours; pictures may take means.",
    'mask = F.interpolate(mask, size=size, mode="nearest")',
)


# --- cases ----------------------------------------------------------------------------------------
def _example(
    blended: float = 600, *, kinds: float = 6, jumps: float = 2000, steps: int = 4
) -> Trace:
    """Of 2,000 borders and 4,000 changes."""
    known = example.regression(example.FALLING, update=1e-3)
    marks = {BORDERS: 2000.0, BLENDED: blended, KINDS: kinds, CHANGES: 4000.0, JUMPS: jumps}
    return example.trace(*example.marked(known, marks).snapshots[:steps], losses=example.FALLING)


RULE = Rule(
    code="DAT053",
    name="blended-labels",
    title="Maps of classes that were resized by taking means",
    why="The number of a class is a name: the mean of road, 0, and sky, 4, is no class between. "
    "Means are what a resize of pictures takes, and thin things, which are all border, get labels "
    "that stand nowhere near them.",
    sees="""
`F.interpolate(mask.float(), mode="bilinear")`, `cv2.resize(mask, size)` or `mask.resize(size)` of
a label map, which is then rounded; or a rotation that takes means.
""",
    evidence="""
Three neighbours in a row or a column of the maps that a cross-entropy is given: the outer two are
classes whose numbers differ by three or more, and the one between is of a number between. That is
so at more than 15 % of such borders, of three different pairs of classes at least, in each of the
first recorded steps. Where classes are levels of a size, most neighbours differ by one, and nothing
is said.
""",
    ignore="""
Classes that lie between others by nature, such as the rim of a cell, for one pair. Maps of fewer
than four classes, or flattened ones, are not looked at. A map that was enlarged many times looks
like one of levels.
""",
    references=(
        "OpenCV, `cv2.resize`: the interpolation is bilinear unless another one is asked for",
    ),
    reads=frozenset({Quantity.LOSS}),
    check=check,
    thresholds={
        "steps": STEPS,
        "fewest": FEWEST,
        "share": SHARE,
        "pairs": PAIRS,
        "levels": KINDS_OF,
    },
    cases=(
        Case("a third of the borders", _example, Severity.WARNING),
        Case("all of them", lambda: _example(2000), Severity.WARNING),
        Case("near miss: whole borders", lambda: _example(0, kinds=0), None),
        Case("near miss: a few", lambda: _example(150), None),
        Case("near miss: of one pair", lambda: _example(kinds=1), None),
        Case("near miss: levels of a size", lambda: _example(2000, jumps=300), None),
        Case("near miss: two steps", lambda: _example(steps=2), None),
        Case("readings missing: no loss", lambda: example.unread(_example()), None),
    ),
)
