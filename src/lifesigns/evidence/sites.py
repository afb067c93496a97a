"""Questions about a place of the network: what it did over several steps, what lies around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce

from lifesigns.evidence.thresholds import Threshold
from lifesigns.functions import ACTIVATIONS
from lifesigns.records import (
    WEIGHTED,
    Graph,
    Kind,
    ParameterReading,
    Site,
    SiteReading,
    Snapshot,
    UnitSums,
)

BENDS = frozenset(
    {Kind.ACTIVATION, Kind.SOFTMAX, Kind.RECURRENT, Kind.ATTENTION, Kind.OTHER, Kind.OPAQUE}
    | {Kind.POOLING, Kind.NORM, Kind.EMBEDDING}
)
"""What makes a network more than a linear map; where it cannot be told, it is taken for that."""

ONE_VALUE = Threshold(
    1e-5, "range of a layer's values over their RMS that is rounding", "float32: 100 roundings"
)


def weight_of(site: Site, snapshot: Snapshot) -> ParameterReading | None:
    """The reading of a weighted site's weight; None if there is none.

    What a linear layer is given may be a parameter as well, such as a learned query: the weight is
    the first that has an entry for each pair of input and unit.
    """
    known = [snapshot.parameter(name) for name in site.parameters]
    if site.kind is Kind.LINEAR and site.fan_in and site.shape:
        least = site.fan_in * site.units
        large = [reading for reading in known if reading and math.prod(reading.shape) >= least]
        known = [*large, *known]
    return known[0] if known else None


def merged(
    snapshots: Iterable[Snapshot],
    site: str,
    what: Callable[[SiteReading], UnitSums | None] = lambda reading: reading.value,
) -> UnitSums | None:
    """The sums of one site (by name) over several snapshots; None where it was never seen.

    Snapshots in which the site has another number of units are left out.

    Args:
        snapshots: Of one stream.
        site: Its name, e.g. `0:relu#0`.
        what: Which of its sums; those of its output by default.
    """
    return together(_sums(snapshot, site, what) for snapshot in snapshots)


def together(sums: Iterable[UnitSums | None]) -> UnitSums | None:
    """Those with as many units as the last, merged; None where there are none.

    Args:
        sums: Of one place, from several steps; None where nothing was read.
    """
    found = [own for own in sums if own is not None]
    kept = [own for own in found if own.units == found[-1].units]
    return reduce(UnitSums.merge, kept) if kept else None


def samples(site: Site) -> int:
    """Independent observations in one step: the batch, not batch times positions."""
    return site.shape[0] if site.shape and site.unit_dim not in (0, -len(site.shape)) else 1


def sample_count(snapshots: Iterable[Snapshot], site: str) -> int:
    """Independent observations of a site (by name) in these steps together.

    Args:
        snapshots: Those in which the site was not read count nothing.
        site: Its name.
    """
    return sum(samples(s.graph.sites[s.graph.find(site)]) for s in snapshots if s.reading_of(site))


def is_given_one_value(snapshots: Iterable[Snapshot], site: str) -> bool:
    """Whether in each of these steps all inputs gave a layer the same, though not 0 throughout.

    Then they are one observation, and a unit that is silent may be so for this one only.
    """
    found = [sums for s in snapshots if (sums := _sums(s, site, lambda r: r.value)) is not None]
    several = [sums for sums in found if sums.count.max(initial=0) > 1 and sums.active.any()]
    return bool(several) and all(s.span.max() <= ONE_VALUE * s.rms for s in several)


def is_hidden(graph: Graph, index: int) -> bool:
    """Whether another weighted site lies downstream: the site is no output layer."""
    return graph.leads_to(index, WEIGHTED)


def bends(snapshot: Snapshot) -> bool:
    """Whether anything in the network is not linear, apart from its output."""
    graph = snapshot.graph
    if snapshot.coverage.opaque or not graph.of_kind(*WEIGHTED):
        return True
    hidden = (site for i, site in enumerate(graph.sites) if is_hidden(graph, i))
    return bool(graph.of_kind(Kind.RECURRENT)) or any(site.kind in BENDS for site in hidden)


def is_rectifier(site: Site) -> bool:
    """Whether the site gives exactly 0, with slope 0, for the negative half of its inputs.

    Its units can die, and that many of its values are flat is how it works. Leaky ReLU, ELU and
    GELU keep a slope there; a clamp from another bound than 0 saturates.
    """
    if site.operation in SELECTIONS:
        return True
    activation = ACTIVATIONS.get(site.operation)
    if activation is None:
        return False
    silent = activation.silent_side == "low" and activation.facts.zero_gradient >= NEGATIVE_HALF
    return silent or (bool(activation.limits) and activation.range(site.details)[0] == 0)


SELECTIONS = frozenset({"maximum", "where", "max"})
"""Operations by which a rectifier is written by hand; what they choose from is not known."""
NEGATIVE_HALF = Threshold(
    0.5, "probability of a negative value", "arithmetic: half of a standard normal one"
)


def listed(names: Sequence[object], most: int = 4) -> str:
    """Names in a row, for `measured`.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    shown = ", ".join(str(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def counted(number: int, word: str) -> str:
    """The number with its word, in the plural where it takes one.

    Args:
        number: 0 and more.
        word: An English noun in the singular whose plural ends in -s or -es.

    Example:
        >>> counted(1, "error"), counted(2, "backward pass")
        ('1 error', '2 backward passes')
    """
    plural = "es" if word.endswith("s") else "s"
    return f"{number} {word}" + ("" if number == 1 else plural)


def _sums(
    snapshot: Snapshot, site: str, what: Callable[[SiteReading], UnitSums | None]
) -> UnitSums | None:
    reading = snapshot.reading_of(site)
    return what(reading) if reading else None
