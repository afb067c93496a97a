"""Whether the mask of a loss leaves out just what is to be learned.

Of a sequence that was filled up, a loss may count the padding alone. Of a network that hides some
of its input and is to give it back, it may count the places alone that were shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.sources import ABOVE, PASSING
from lifesigns.record.loss.summands import OF_NUMBERS
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.sequence_rows import MAPS, is_bias

FEWEST = 4
"""Sequences, and positions of one, from which it shows what fills them."""
MOST_ELEMENTS, MOST_NODES = 1 << 20, 64
SAME = 1e-4
"""Of the largest number: a target that is the output less a residual is rounded."""
OVER_ELEMENTS = OF_NUMBERS | {"Abs", "Pow"}
"""What compares output and target element by element, beside the losses of class numbers."""
THROUGH = ABOVE | OVER_ELEMENTS
MASKS = frozenset({"MaskedFill", "Mul", "Where"})
MEANS = PASSING | {"Mean", "Sum"}


class PendingInverted(NamedTuple):
    """What the mask leaves, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: whether it counts just the padding, or just what is shown.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        words = ("only_padding", "only_shown", "places_counted", "places_left_out")
        return dict(zip(words, arrays[self.slot].tolist(), strict=True))


class Counted(NamedTuple):
    """The places that a loss counts: one mask stands between it and all that it is made of."""

    at: int
    """The node that leaves places out."""
    places: Tensor
    """Which count, of the shape that the mask goes over."""
    is_picked: bool
    """Whether only those are left, in a row."""


def inverted_mask(
    pack: Pack, walked: Walk, prediction: Prediction | None
) -> PendingInverted | None:
    """Whether what the loss leaves out is what is to be learned.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        prediction: The root module's output.

    Returns:
        None where the loss has no mask, or more terms than one.

    Cost: some passes over the targets.
    """
    found = _counted(walked)
    if found is None or found.places.numel() > MOST_ELEMENTS:
        return None
    kept = found.places
    padding = _only_padding(walked, found, prediction)
    shown = _only_shown(walked, found, prediction)
    if padding is None and shown is None:
        return None
    none = torch.zeros((), dtype=torch.bool, device=kept.device)
    numbers = [none if padding is None else padding, none if shown is None else shown]
    return PendingInverted(
        pack.add(torch.stack([n.float() for n in (*numbers, kept.sum(), (~kept).sum())]))
    )


# --- the mask of the loss
def counted_places(walked: Walk) -> Tensor | None:
    """The places that a loss counts, where one mask stands between it and all that it is made of.

    Args:
        walked: The graph of the loss.
    """
    found = _counted(walked)
    return None if found is None else found.places


def _counted(walked: Walk) -> Counted | None:
    found: Counted | None = None
    waiting, looked = [root for root in walked.roots if root >= 0], 0
    while waiting:
        i, looked = waiting.pop(), looked + 1
        places = left_by(walked, i)
        is_other = places is None and walked.names[i] not in THROUGH
        if is_other or looked > MOST_NODES or (places is not None and found is not None):
            return None
        if places is not None:
            found = Counted(i, places, walked.names[i] == "Index")
        else:
            waiting += [j for j in walked.inputs[i] if j is not None and j >= 0]
    return found


def left_by(walked: Walk, i: int) -> Tensor | None:
    """Which of its places a node leaves as they are.

    Args:
        walked: The graph of the loss.
        i: Index of the node.

    Returns:
        None if it leaves out none.
    """
    name, node = walked.names[i], walked.nodes[i]
    if name == "Index":
        given = saved(node, "indices")
        picks = [one for one in given if one is not None] if isinstance(given, tuple) else []
        is_mask = len(picks) == 1 and given[0] is not None and picks[0].dtype == torch.bool
        return picks[0] if is_mask else None
    if name == "MaskedFill":
        return _spread(~saved(node, "mask"), walked.shape(i)) if _has(node, "mask") else None
    if name == "Where" and _has(node, "condition"):
        taken = _side(walked, i)
        kept = saved(node, "condition")
        return None if taken is None else _spread(kept if taken == 0 else ~kept, walked.shape(i))
    product = data_factor(walked, i) if name == "Mul" else None
    return None if product is None else _spread(product[0] != 0, walked.shape(i))


def _has(node: object, attribute: str) -> bool:
    return isinstance(saved(node, attribute), Tensor)


def _spread(mask: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    try:
        return mask.detach().expand(shape)
    except RuntimeError:  # it goes over more than what is left of it
        return None


def _side(walked: Walk, i: int) -> int | None:
    """Which side of a `where` was computed; the other is a constant, or a learned filler."""
    computed = [j is not None and j >= 0 for j in _ends(walked, i)]
    return None if computed[0] == computed[1] else int(computed[1])


def _ends(walked: Walk, i: int) -> Iterator[int | None]:
    """Both inputs, or what they view."""
    for at in walked.inputs[i][:2]:
        yield _viewed(walked, at)


def _viewed(walked: Walk, at: int | None) -> int | None:
    while at is not None and at >= 0 and walked.names[at] in PASSING:
        at = walked.inputs[at][0]
    return at


# --- padding
def _only_padding(walked: Walk, found: Counted, prediction: Prediction | None) -> Tensor | None:
    """Whether one class fills the ends of sequences, and the loss counts it and nothing else."""
    below = _viewed(walked, _below(walked, found.at))
    if below is None or below < 0 or not walked.names[below].startswith("Nll"):
        return None
    target = saved(walked.nodes[below], "target")
    rows = _sequences(found.places, prediction)
    if target is None or rows is None or target.numel() != rows.numel():
        return None
    classes = target.long().reshape(rows.shape)
    only, fewest = _extremes(classes, rows), _extremes(classes, ~rows)
    is_one = only[0] == only[1]
    no_other = ((classes == only[0]) == rows).all() & (fewest[0] != fewest[1])
    runs = torch.stack([_is_run(side) for side in (rows, rows.flip(1))]).any()
    is_alone: Tensor = is_one & no_other & runs
    return is_alone


def _sequences(places: Tensor, prediction: Prediction | None) -> Tensor | None:
    """The places as `[sequences, positions]`."""
    rows = places.squeeze(1) if places.dim() == 3 and places.shape[1] == 1 else places
    if rows.dim() == 1 and prediction is not None:
        shape = tuple(prediction.value.shape[:2])
        rows = rows.reshape(shape) if np.prod(shape) == rows.numel() and len(shape) == 2 else rows
    return rows if rows.dim() == 2 and min(rows.shape) >= FEWEST else None


def _extremes(classes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    ends = torch.iinfo(classes.dtype)
    least, largest = (classes.masked_fill(~places, end) for end in (ends.max, ends.min))
    return least.amin(), largest.amax()


def _is_run(places: Tensor) -> Tensor:
    """Whether these places are the ends of rows, of several lengths, and no whole row."""
    run = places.flip(1).cumprod(1).flip(1).bool()
    lengths = run.sum(1)
    return (
        (run == places).all() & (lengths.amax() > lengths.amin()) & (lengths.amax() < run.shape[1])
    )


# --- what is shown
def _only_shown(walked: Walk, found: Counted, prediction: Prediction | None) -> Tensor | None:
    """Whether the loss counts none of the places that a mask in the network hides.

    What is hidden must differ from place to place, unlike padding, and the targets of places that
    count are to be what the network is given there.
    """
    for i in range(found.at - 1, -1, -1):
        rows = _given(walked, i) if walked.names[i] in MASKS else None
        shown = None if rows is None else left_by(walked, i)
        if shown is None or rows is None:
            continue
        seen, counted = (_by_row(places, rows) for places in (shown, found.places))
        if seen is None or counted is None:
            continue
        same = _is_given_back(walked, found, counted, rows, prediction)
        if same is not None:
            hidden = ~seen.unsqueeze(1)
            least = torch.where(hidden, rows, torch.inf).amin(0)
            differ = (torch.where(hidden, rows, -torch.inf).amax(0) > least).any()
            return same & differ & counted.any() & ~(counted & ~seen).any()
    return None


def _below(walked: Walk, i: int) -> int | None:
    return next((j for j in walked.inputs[i] if j is not None and j >= 0), None)


def _given(walked: Walk, i: int) -> Tensor | None:
    """What the first linear map below a mask reads, by places; None if it is no data."""
    side = _side(walked, i) if walked.names[i] == "Where" else None
    at = _below(walked, i) if side is None else walked.inputs[i][side]
    while at is not None and at >= 0 and (walked.names[at] in PASSING or is_bias(walked, at)):
        at = walked.inputs[at][0]
    if at is None or at < 0 or walked.names[at] not in MAPS:
        return None
    place = 1 if walked.names[at] == "Addmm" else 0
    rows = saved(walked.nodes[at], MAPS[walked.names[at]])
    if not isinstance(rows, Tensor) or walked.inputs[at][place] is not None:
        return None
    return rows.detach().reshape(-1, rows.shape[-1]) if rows.numel() <= MOST_ELEMENTS else None


def _by_row(places: Tensor, rows: Tensor) -> Tensor | None:
    """One answer for each row, if the numbers of a row share it."""
    if places.numel() == len(rows):
        return places.reshape(-1)
    if places.numel() != len(rows) * places.shape[-1]:
        return None
    each = places.reshape(len(rows), -1)
    return each.all(1) if not each.is_cpu or bool((each.all(1) == each.any(1)).all()) else None


def _is_given_back(
    walked: Walk, found: Counted, counted: Tensor, rows: Tensor, prediction: Prediction | None
) -> Tensor | None:
    """Whether targets are the rows themselves, where they count."""
    if found.is_picked and not counted.is_cpu:  # how many are picked is not known without a wait
        return None
    compares = _comparison(walked, found)
    target = None if compares is None else _target(walked, compares, prediction)
    given = rows[counted] if found.is_picked else rows
    if target is None or target.numel() != given.numel():
        return None
    apart = (target.detach().reshape(given.shape) - given).abs()
    if not found.is_picked:
        apart = torch.where(counted.unsqueeze(1), apart, 0)
    return (apart <= SAME * rows.abs().amax()).all()


def _comparison(walked: Walk, found: Counted) -> int | None:
    """The node that compares outputs and targets one by one: below the mask, or what reads it."""
    if not found.is_picked:
        at = _below(walked, found.at)
        while at is not None and walked.names[at] in MEANS:
            at = _below(walked, at)
    else:
        at = found.at
        while at is not None and walked.names[at] not in OVER_ELEMENTS:
            after = walked.readers.get(at, [])
            at = after[0] if len(after) == 1 else None
    return at if at is not None and walked.names[at] in OVER_ELEMENTS else None


def _target(walked: Walk, at: int, prediction: Prediction | None) -> Tensor | None:
    target = saved(walked.nodes[at], "target")
    if target is not None:
        return target if isinstance(target, Tensor) else None
    residual, difference = saved(walked.nodes[at], "self"), _below(walked, at)
    if not isinstance(residual, Tensor) or difference is None or walked.names[difference] != "Sub":
        return None
    left, right = walked.inputs[difference][:2]
    operand = left if right is None else right if left is None else None
    given = None if operand is None else value_of(walked, operand, prediction)
    if given is None and operand is not None and operand >= 0 and walked.names[operand] == "Index":
        given = _picked(walked, operand, prediction)
    if given is None or given.numel() != residual.numel():
        return None
    given = given.detach().reshape(residual.shape)
    return given - residual if right is None else given + residual


def _picked(walked: Walk, index: int, prediction: Prediction | None) -> Tensor | None:
    """What a mask picks out of the output."""
    whole, places = walked.inputs[index][0], left_by(walked, index)
    value = None if whole is None else value_of(walked, whole, prediction)
    return None if value is None or places is None else value.detach()[places]
