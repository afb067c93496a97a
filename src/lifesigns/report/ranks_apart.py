"""Where processes that train together differ: in outcome, weights, batches, losses, layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce

import numpy as np

from lifesigns.evidence import Run
from lifesigns.records import Kind, Trace, UnitSums
from lifesigns.records.merging import by_pass

ROUNDING = 1e-5
"""How far the norms of equal weights may be apart: two devices may add them in another order."""
TIMES = 2.0
"""From how many times the other's size on a batch or a loss is worth a word."""
SHARE = 0.2
"""From how large a difference of shares on layers are worth a word."""
MOST = 3
"""How many places of one kind are named."""

Traces = Mapping[int, Trace]


def apart(traces: Traces) -> Iterator[str]:
    """What differs, in sentences; nothing where all is alike.

    Args:
        traces: By number of the process.
    """
    if len(traces) < 2:
        return
    yield from _outcomes(traces)
    yield from _weights(traces)
    yield from _sizes(traces)
    yield from _layers(traces)


def _outcomes(traces: Traces) -> Iterator[str]:
    for what, each in (
        ("outcome", {n: _outcome(t) for n, t in traces.items()}),
        ("steps", {n: str(t.steps) for n, t in traces.items()}),
    ):
        if len(set(each.values())) > 1:
            yield f"{what}: {_each(each)}"


def _outcome(trace: Trace) -> str:
    """Without what an exception says."""
    return ":".join(trace.info.outcome.partition("\n")[0].split(":")[:2])


def _weights(traces: Traces) -> Iterator[str]:
    """Copies of one parameter that are not equal: nothing keeps the processes together."""
    passes = [by_pass(trace) for trace in traces.values()]
    first, *others = [{k: s for k, s in each.items() if s.parameters} for each in passes]
    names = list(traces)
    for key in first:
        if not all(key in other for other in others):
            continue
        for reading in first[key].parameters:
            same = [other[key].parameter(reading.name) for other in others]
            norms = [reading.weight_rms, *(r.weight_rms for r in same if r is not None)]
            if reading.shards > 1 or len(norms) < len(names) or not np.isfinite(norms).all():
                continue
            if np.ptp(norms) > ROUNDING * max(norms):
                sizes = {n: f"{norm:.6g}" for n, norm in zip(names, norms, strict=True)}
                yield (
                    f"weights are not the same on all ranks: the RMS of {reading.name} before step "
                    f"{key[0]} is {_each(sizes)}"
                )
                return


def _sizes(traces: Traces) -> Iterator[str]:
    batches = {
        n: _merged(s.batch.features for s in t.snapshots if s.batch) for n, t in traces.items()
    }
    for what, each in (
        ("the RMS of the input", {n: b.rms for n, b in batches.items() if b is not None}),
        ("the last fifth of the loss", {n: _end(t) for n, t in traces.items()}),
    ):
        sizes = [abs(value) for value in each.values()]
        if len(sizes) < len(traces) or not np.isfinite(sizes).all():
            continue
        if max(sizes) > TIMES * min(sizes):
            yield f"{what} is {_each({n: f'{value:.3g}' for n, value in each.items()})}"


def _layers(traces: Traces) -> Iterator[str]:
    found = []
    active = [_active(trace) for trace in traces.values()]
    for site in active[0] if all(active) else ():
        if not all(site in each for each in active):
            continue
        shares = [each[site] for each in active]
        if np.ptp(shares) > SHARE:
            each = {n: f"{share:.0%}" for n, share in zip(traces, shares, strict=True)}
            found.append((-float(np.ptp(shares)), f"{site} is active in {_each(each)}"))
    found.sort()
    yield from (sentence for _, sentence in found[:MOST])
    if len(found) > MOST:
        yield f"… and {len(found) - MOST} more layers like these"


def _active(trace: Trace) -> dict[str, float]:
    """Share of observations at each activation that are not 0, over the whole run."""
    counts: dict[str, tuple[int, int]] = {}
    for snapshot in trace.snapshots:
        for reading in snapshot.sites:
            site, sums = snapshot.graph.sites[reading.site], reading.value
            if sums is not None and site.kind is Kind.ACTIVATION:
                active, count = counts.get(site.name, (0, 0))
                seen = active + int(sums.active.sum()), count + int(sums.count.sum())
                counts[site.name] = seen
    return {name: active / count for name, (active, count) in counts.items() if count}


def _end(trace: Trace) -> float:
    """The mean of the last fifth of the first loss."""
    losses = Run.of(trace).losses
    return losses[0].course.end if losses else float("nan")


def _merged(sums: Iterator[UnitSums]) -> UnitSums | None:
    there = list(sums)
    alike = [one for one in there if one.units == there[0].units]
    return reduce(UnitSums.merge, alike) if alike else None


def _each(values: Mapping[int, str]) -> str:
    """`0.5 on rank 0; 0.7 on ranks 1, 2`: those with the same number together."""
    together: dict[str, list[int]] = {}
    for number, value in values.items():
        together.setdefault(value, []).append(number)
    return "; ".join(
        f"{value} on rank{'s' if len(who) > 1 else ''} {', '.join(map(str, who))}"
        for value, who in together.items()
    )
