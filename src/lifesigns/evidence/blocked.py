"""Where the gradient stops on its way back, and what that points to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from lifesigns.evidence.output import is_normalised
from lifesigns.evidence.sites import is_hidden, is_rectifier, listed
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.suspects import too_large
from lifesigns.evidence.thresholds import HALF, HALF_PRECISION, Threshold
from lifesigns.records import WEIGHTED, Kind, ParameterReading, Remedy, SiteReading, Snapshot

STOPPED = Threshold(0.5, "share of the outputs whose gradient a site stops", "a majority")
STUCK = Threshold(3, "last recorded steps in which a part of the loss is the same", "no chance")
SAME = Threshold(1e-4, "change over size of what stays the same", "rounding of a sum in float32")
PRODUCT = "prod"
"""The operation that multiplies all numbers of a row: with two that are 0 nothing passes it."""
OTHERS = frozenset({"compiled_function", "checkpoint_function", "copy_slices", "graph"})
"""Opaque operations that are none of the user's own."""


@dataclass(frozen=True)
class Block:
    """What stops the gradient, and the causes that points to."""

    site: str
    reason: str
    causes: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    by_size: bool = False
    """It blocks because the values that reach it are too large, not by its very construction."""


def block_from_above(snapshot: Snapshot) -> Block | None:
    """The last site, in forward order, that let nothing of what arrived pass."""
    blocked = [r.site for r in snapshot.sites if _blocks(r)]
    return block_at(snapshot, max(blocked)) if blocked else _one_unit_softmax(snapshot)


def block_behind(snapshot: Snapshot, zero: Sequence[ParameterReading]) -> Block | None:
    """The first site behind the parameters, in forward order, that let nothing pass."""
    names, graph = {p.name for p in zero}, snapshot.graph
    blocked = {r.site for r in snapshot.sites if _blocks(r)}
    led = graph.before(blocked)
    for index, site in enumerate(graph.sites):
        if index in led and names & set(site.parameters):
            return block_at(snapshot, next(i for i in graph.downstream(index) if i in blocked))
    return None


def opaque_behind(snapshot: Snapshot, zero: Sequence[ParameterReading]) -> Block | None:
    """A function of the user's own that every way from the parameters to the loss leads through.

    None where parameters without a gradient are behind it as well: then it is not what stops it.
    """
    names, graph = {p.name for p in zero}, snapshot.graph
    ways = [i for i, site in enumerate(graph.sites) if names & set(site.parameters)]
    met, seen = set[int](), set[int]()
    while ways:
        index = ways.pop()
        if index in seen:
            continue
        seen.add(index)
        site, after = graph.sites[index], graph.successors(index)
        if site.kind is Kind.OPAQUE:
            met.add(index)
        elif not after or (site.parameters and not names & set(site.parameters)):
            return None
        else:
            ways.extend(after)
    behind = {name for i in graph.behind(met) for name in graph.sites[i].parameters}
    opaque = [graph.sites[i] for i in sorted(met)]
    if not opaque or behind & names or any(site.operation in OTHERS for site in opaque):
        return None
    where = listed([site.name for site in opaque], 2)
    reason = f"it stops at {where}, whose own backward passes nothing on"
    return Block(opaque[-1].name, reason, ("vanishing", "other"), (_STRAIGHT,))


def stopped_share(reading: SiteReading) -> float:
    """Share of the gradients different from 0 that arrived and were not passed on.

    Where what is passed on has fewer numbers, as of a divisor that is the same for all, each is a
    sum of those that arrived: then it is all or nothing.
    """
    arrived, passed = reading.output_gradient, reading.input_gradient
    if arrived is None or passed is None or not arrived.active.any() or passed.nonfinite.any():
        return 0.0
    if passed.count.sum() < arrived.count.sum():
        return float(not passed.active.any())
    return 1 - float(passed.active.sum() / arrived.active.sum())


def stuck_rest(snapshots: Sequence[Snapshot], index: int) -> float:
    """What is left of the loss beside its data terms, if most of it, and stopped at a site.

    It is the same in the last recorded steps, whatever the batch, and what stops it is at 0:
    another bound may be meant, as that of the free bits of a variational autoencoder.

    Args:
        snapshots: Recorded steps, in order.
        index: The site.
    """
    site = snapshots[-1].graph.sites[index]
    if site.operation != PRODUCT and site.details.get("min") != 0:
        return 0.0
    shots = [s for s in snapshots[-int(STUCK) :] if s.loss and s.loss.penalised]
    rests = [s.loss.penalty for s in shots if s.loss]
    readings = [r for s in shots if s.graph == shots[-1].graph and (r := s.reading(index))]
    if len(readings) < STUCK or not min(rests) > HALF * max(s.loss.value for s in shots if s.loss):
        return 0.0
    stops = all(stopped_share(r) > STOPPED for r in readings)
    same = max(rests) - min(rests) <= SAME * max(rests)
    return rests[-1] if stops and same else 0.0


def is_cut_off(snapshot: Snapshot) -> bool:
    """Every way from a weight to the loss leads through a site that lets no gradient pass."""
    graph = snapshot.graph
    blocked = {r.site for r in snapshot.sites if _blocks(r)}
    open_ends = [i for i in range(len(graph.sites)) if not graph.successors(i)]
    seen: set[int] = set()
    while blocked and open_ends:
        index = open_ends.pop()
        if index not in seen and index not in blocked:
            seen.add(index)
            if graph.sites[index].kind in WEIGHTED:
                return False
            open_ends.extend(graph.predecessors(index))
    return bool(blocked)


def _blocks(reading: SiteReading) -> bool:
    return stopped_share(reading) == 1


def _one_unit_softmax(snapshot: Snapshot) -> Block | None:
    graph = snapshot.graph
    single = [i for i in graph.of_kind(Kind.SOFTMAX) if graph.sites[i].units == 1]
    return block_at(snapshot, single[-1]) if single else None


def block_at(snapshot: Snapshot, index: int) -> Block:
    """What it means that the gradient stops at site `index`."""
    graph, site = snapshot.graph, snapshot.graph.sites[index]
    if site.kind is Kind.SOFTMAX and site.units == 1:
        reason = f"{site.name} is a softmax over one unit, which is 1 whatever comes in"
        return Block(site.name, reason, ("wrong_output_activation",), (_SIGMOID,))
    if site.details.get("factor") == 0 and (zeros := _zeros_before(snapshot, index)):
        reason = f"{site.name} multiplies by {listed(zeros, 2)}, where all weights are 0"
        return Block(site.name, reason, ("bad_init",), (_INITIALISE,))
    if site.details.get("factor") == 0:
        reason = f"{site.name} multiplies by a constant of nothing but zeros"
        return Block(site.name, reason, ("other", "frozen"), (_KEEP,))
    if site.operation == PRODUCT:
        reason = f"{site.name} multiplies numbers of which several are 0, and none can change that"
        return Block(site.name, reason, ("wrong_shape", "wrong_loss"), (_SIDES,))
    if not is_hidden(graph, index):
        reason = f"every output lies where {site.name} is flat"
        causes = ("wrong_output_activation", "wrong_loss")
        if site.operation == "relu":
            causes = ("wrong_output_activation", "dead_relu")
        return Block(site.name, reason, causes, (_LOGITS,), by_size=is_normalised(snapshot))
    if is_rectifier(site):
        reason = f"{site.name} is silent as a whole"
        causes = ("dead_relu", _origin(snapshot))
        return Block(site.name, reason, causes, (_INITIALISE, _LEAKY), by_size=True)
    if site.kind is Kind.SOFTMAX and _weighs_alike(snapshot.reading(index)):
        reason = f"all that {site.name} gives weight to is alike, so its weights make no difference"
        return Block(site.name, reason, ("wrong_shape", "other"), (_MASK,))
    reason = f"{site.name} is saturated as a whole"
    return Block(site.name, reason, ("saturated", _origin(snapshot)), (_INITIALISE,), by_size=True)


def _zeros_before(snapshot: Snapshot, index: int) -> list[str]:
    """The parameters of zeros that a site multiplies by, itself or as rows that were looked up."""
    graph = snapshot.graph
    before = (graph.sites[i].parameters[:1] for i in graph.predecessors(index))
    names = chain(graph.sites[index].parameters, *before)
    read = map(snapshot.parameter, names)
    return [p.name for p in read if p is not None and p.weight_rms == 0]


def _weighs_alike(reading: SiteReading | None) -> bool:
    """Whether no weight is near 1: then only a gradient that is the same for all is stopped."""
    value = reading.value if reading else None
    return bool(value and value.units and value.maximum.max() < 1 - HALF_PRECISION)


def _origin(snapshot: Snapshot) -> str:
    return "bad_init" if snapshot.step == 0 else "lr_too_high"


def unknown_block(snapshot: Snapshot) -> Block:
    """No site was seen to block: zero weights on the way back do it, or the loss itself."""
    null = [p.name for p in snapshot.parameters if p.weight_rms == 0 and len(p.shape) > 1]
    if null:
        reason = f"the weights on the way back are all 0 ({listed(null, 2)})"
        return Block(null[-1], reason, ("bad_init",), (_INITIALISE,))
    reason = "the loss does not depend on them on these batches"
    return Block("", reason, ("wrong_loss", "wrong_output_activation", "other"), (_FIND,))


def with_origin(block: Block, stream: Stream, since: int) -> Block:
    """The block, led by what made its values too large where that is in evidence.

    Args:
        block: What stops the gradient.
        stream: Of the loss.
        since: The step from which it does.
    """
    leading = too_large(stream, since) if block.by_size else []
    if not leading:
        return block
    own = tuple(c for c in block.causes if c != "wrong_output_activation")
    return replace(
        block,
        reason="; ".join((block.reason, *(s.evidence for s in leading))),
        causes=tuple(dict.fromkeys((*(s.cause for s in leading), *own)))[:3],
        remedies=(*(s.remedy for s in leading), *block.remedies),
    )


_STRAIGHT = Remedy(
    "Let its backward pass the gradient on: straight through, where the input is within -1 and 1.",
    "def backward(ctx, gradient):\n"
    "    (x,) = ctx.saved_tensors\n"
    "    return gradient * (x.abs() <= 1)",
)
_SIDES = Remedy(
    "Look at what is 0 in the product: sides of a box that are cut to 0 are negative before, as "
    "where centre and size are taken for two corners.",
    "x0, y0, x1, y1 = boxes.unbind(-1)\nassert (x0 < x1).all() and (y0 < y1).all()",
)
_KEEP = Remedy(
    "Let something through: dropout takes the share to drop, and a mask keeps where it is 1.",
    "nn.Dropout(0.2)  # keeps 80 %",
    edit="drop-less",
)
_FIND = Remedy(
    "Find the flat place between loss and weights.",
    "print([(n, p.grad.abs().max()) for n, p in model.named_parameters()])",
)
_SIGMOID = Remedy("Use a sigmoid for one output unit, inside the loss.", "nn.BCEWithLogitsLoss()")
_LOGITS = Remedy(
    "Give the loss raw outputs and let it apply its own output function; do not clip them.",
    "loss = F.cross_entropy(logits, target)  # for numbers: F.mse_loss",
)
_INITIALISE = Remedy(
    "Initialise the weights at random, scaled to the fan-in.",
    "nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')\nnn.init.zeros_(layer.bias)",
    edit="initialise",
)
_MASK = Remedy(
    "Look at what may be attended to: a mask of the wrong side leaves nothing but padding.",
    "mask = tokens == PAD  # key_padding_mask is True where there is nothing to read",
)
_LEAKY = Remedy(
    "Use a rectifier that cannot die.",
    "nn.LeakyReLU(0.01)  # instead of nn.ReLU()",
    edit="swap-activation",
)
