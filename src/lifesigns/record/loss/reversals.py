"""Weights that every loss reaches through a function which turns the gradient round.

Such a function, of the user's own, hands on what it is given and sends a gradient back times a
number below 0. A network in front of it is to work against the loss behind it; where no other loss
reaches the network by another way, nothing works for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from dis import get_instructions
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk, kept_tensors, saved
from lifesigns.record.loss.own_backward import Watching
from lifesigns.record.loss.sources import PARTS, leading_to, numel
from lifesigns.record.loss.summands import Term, terms_of
from lifesigns.record.loss.values import value_of
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

MOST, MOST_TERMS = 16, 16
"""Functions, and terms of a loss, that are looked at in one step."""
COPYING = frozenset(
    {"clone", "contiguous", "reshape", "save_for_backward", "shape", "size", "view", "view_as"}
)
"""Methods and attributes of a function's code that leave all values as they are."""
_COMPUTING = (
    *("BINARY", "UNARY", "INPLACE", "COMPARE", "LOAD_GLOBAL", "LOAD_DEREF"),
    *("LOAD_NAME", "IMPORT", "MAKE_FUNCTION", "STORE_SUBSCR"),
)
"""How instructions begin that compute, or that fetch what might."""
_UNTOLD = np.array([1.0, 1.0, 1.0, 1.0])
"""What is no reversal."""
EXACT = 1e-3
"""How far what is sent back may be from one number times what arrives, as a share of it, and the
output from the input: one of them may be of 16 bits."""


class Behind(NamedTuple):
    """What lies in front of reversals, and is reached in no other way."""

    weights: int
    """Elements of its parameters."""
    of: int
    """Elements of all parameters that the pass leads to."""
    losses: int
    """Losses of different forms that reach one of them, all through a reversal."""


@dataclass(frozen=True)
class PendingReversals:
    """What one kind of function sends back, and what lies in front of it."""

    behind: Behind
    unlike: list[int] = field(default_factory=list)
    """Slots of how far the outputs are from the inputs, where no memory is shared."""
    varied: int | None = None
    """Slot of whether the targets of some of the losses differ."""
    slots: list[int] = field(default_factory=list)

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: by what the gradient is multiplied, and what is reached through it.

        Of functions that were sent nothing, or send nothing on, that they are silent.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        if any(float(arrays[slot][0]) > EXACT for slot in self.unlike):
            return {}
        sent = [arrays[slot] for slot in self.slots]
        told = [(product, left, to, on) for product, left, to, on in sent if to > 0 and on > 0]
        if not told:
            return {"reversals_silent": 1.0}
        if not all(product < 0 and left <= EXACT**2 * on for product, left, _, on in told):
            return {}
        by = [float(product / to) for product, _, to, _ in told]
        weights, total, losses = self.behind
        is_task = self.varied is not None and bool(arrays[self.varied][0])
        return {
            "reversals": float(len(told)),
            "reversed_by": max(by, key=abs),
            "reversed_weights": float(weights),
            "weights_reached": float(total),
            "reversed_losses": float(losses if is_task else 0),
        }


def reversals(pack: Pack, walked: Walk, condensed: Condensed) -> list[Watching]:
    """The functions of the user's own that may turn a gradient round, with a hook for each.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        condensed: Its sites.

    Returns:
        Nothing where several kinds of functions might, or one that may change its input.

    Cost: where there is such a function, one more pass over the nodes, and four sums at each.
    """
    own = walked.own_functions
    kinds = {walked.nodes[i]._forward_cls for i in own}
    if len(kinds) != 1 or len(own) > MOST or not all(_keeps_shape(walked, i) for i in own):
        return []
    handed = [_difference(walked, i) for i in own]
    terms = terms_of(walked, condensed).found[:MOST_TERMS]
    known = [one for one in handed if one is not None]
    behind = _behind(walked, set(own), terms) if len(known) == len(own) else None
    if behind is None:
        return []
    unlike = [pack.add(far) for far in known if isinstance(far, Tensor)]
    found = PendingReversals(behind, unlike, _varied(pack, walked, terms))
    return [(i, found, _hook(pack, found)) for i in own]


def _keeps_shape(walked: Walk, i: int) -> bool:
    below = [j for j in walked.inputs[i] if j is not None]
    if len(below) != 1 or below[0] < 0 or len(walked.nodes[i]._input_metadata) != 1:
        return False
    return walked.shape(i) == walked.shape(below[0]) != ()


# --- the value that is handed on ------------------------------------------------------------------
def _difference(walked: Walk, i: int) -> Tensor | float | None:
    """How far the output is from the input, as a share; 0 for one memory, and for a mere copy.

    None where nothing keeps one of them.
    """
    below = next(j for j in walked.inputs[i] if j is not None)
    if _only_copies(walked.nodes[i]._forward_cls) or _is_view_of(walked, i, below):
        return 0.0
    given, made = _given(walked, i, below), value_of(walked, i, None)
    if given is None or made is None or given.shape != made.shape or given.device != made.device:
        return None
    if not (is_readable(given) and is_readable(made)) or not given.numel():
        return None
    x, y = given.detach().float(), made.detach().float()
    return ((x - y).abs().max() / x.abs().max().clamp(min=1e-30)).reshape(1)


@lru_cache(maxsize=64)
def _only_copies(kind: Any) -> bool:
    """Whether the code of a function does nothing with values but to copy them."""
    code = getattr(kind.forward, "__code__", None)
    if code is None:
        return False
    for step in get_instructions(code):
        asks = step.opname in ("LOAD_ATTR", "LOAD_METHOD") and step.argval not in COPYING
        if asks or step.opname.startswith(_COMPUTING):
            return False
    return True


def _given(walked: Walk, i: int, below: int) -> Tensor | None:
    """What the function was given, if it has saved it or another keeps it."""
    maker = walked.nodes[below]
    try:
        raw = getattr(walked.nodes[i], "_raw_saved_tensors", ())
        hooked = any(getattr(one, "unpack_hook", None) is not None for one in raw)
        kept = () if hooked else walked.nodes[i].saved_tensors
    except (RuntimeError, AttributeError):  # freed, or modified in place since
        kept = ()
    own = next((t for t in kept if isinstance(t, Tensor) and t.grad_fn is maker), None)
    return value_of(walked, below, None) if own is None else own


def _is_view_of(walked: Walk, i: int, below: int) -> bool:
    """Whether what a later node read of the output lies in the memory of the input."""
    makers = set(_through_views(walked, below))
    queue = [i]
    while queue:
        at = queue.pop()
        for later in walked.readers.get(at, ()):
            for _, tensor in kept_tensors(walked.nodes[later]):
                base = tensor._base if tensor.grad_fn is walked.nodes[at] else None
                if base is not None and base.grad_fn in makers and not tensor.is_neg():
                    return numel(walked.shape(i)) == tensor.numel()
            if _may_view(walked, later):
                queue.append(later)
    return False


def _through_views(walked: Walk, i: int) -> Iterator[Any]:
    """A node, and those that it is a view of."""
    at: int | None = i
    while at is not None and at >= 0:
        yield walked.nodes[at]
        at = walked.inputs[at][0] if _may_view(walked, at) else None


def _may_view(walked: Walk, i: int) -> bool:
    return walked.names[i] in PARTS or hasattr(type(walked.nodes[i]), "_forward_cls")


# --- what is reached through it -------------------------------------------------------------------
def _behind(walked: Walk, own: set[int], terms: Sequence[Term]) -> Behind | None:
    """The parameters to which every way from every term leads through an odd number of functions.

    Each node has two bits for a term: whether a way leads to it through an even number of them, and
    whether one does through an odd number.
    """
    even = sum(1 << 2 * k for k in range(len(terms)))
    at = [0] * len(walked)
    for k, term in enumerate(terms):
        at[term.node] |= _direction(term) << 2 * k
    ways = [0] * len(walked.leaves)
    for i in range(len(walked) - 1, -1, -1):
        bits = at[i]
        if i in own:
            bits = (bits & even) << 1 | (bits >> 1) & even
        for j in walked.inputs[i] if bits else ():
            if j is None:
                continue
            if j >= i:
                return None
            if j >= 0:
                at[j] |= bits
            else:
                ways[-1 - j] |= bits
    in_front = {-1 - j for i in leading_to(walked, own) for j in walked.inputs[i] if j is not None}
    ways = [bits if k in in_front else 0 for k, bits in enumerate(ways)]
    return _counted(walked, terms, ways, even)


def _counted(walked: Walk, terms: Sequence[Term], ways: Sequence[int], even: int) -> Behind | None:
    sizes = [numel(walked.leaf_shape(k)) for k in range(len(ways))]
    trained = [k for k, leaf in enumerate(walked.leaves) if isinstance(leaf, nn.Parameter)]
    turned = [k for k in trained if ways[k] and not ways[k] & even]
    reaching = (
        {_form(walked, term) for j, term in enumerate(terms) if ways[k] >> 2 * j & 2}
        for k in turned
    )
    losses = max((len(forms - {None}) for forms in reaching), default=0)
    return Behind(sum(sizes[k] for k in turned), sum(sizes[k] for k in trained), losses)


def _direction(term: Term) -> int:
    """1 for what is lowered, 2 for what is raised, 3 where it cannot be told."""
    if term.form in ("built_in", "squared", "absolute"):
        return 1 if term.factor > 0 else 2
    if term.form in ("log", "picked"):
        return 1 if term.factor < 0 else 2
    return 3


def _form(walked: Walk, term: Term) -> tuple[str, int, int] | None:
    """What tells one of torch's losses from another: its name, its rows, and its classes."""
    below = walked.inputs[term.node][0] if term.form == "built_in" else None
    if below is None or below < 0:
        return None
    rows, classes = (*walked.shape(below), 1, 1)[:2]
    return walked.names[term.node], rows, classes


def _varied(pack: Pack, walked: Walk, terms: Sequence[Term]) -> int | None:
    """Slot of whether one of the losses that were recognised has targets that differ."""
    given = (saved(walked.nodes[t.node], "target") for t in terms if t.form == "built_in")
    targets = [t.detach() for t in given if isinstance(t, Tensor) and t.numel()]
    if not targets:
        return None
    differ = [(one != one.reshape(-1)[0]).any().reshape(1) for one in targets]
    return pack.add(torch.cat([one.to(differ[0].device) for one in differ]).any().float())


def _hook(pack: Pack, found: PendingReversals) -> Callable[..., None]:
    def hook(passed: tuple[Any, ...], arrived: tuple[Any, ...]) -> None:
        gradient = next(iter(arrived), None)
        on = next((one for one in passed if one is not None), None)
        if gradient is None or on is None:
            return
        if gradient.shape == on.shape and is_readable(gradient) and is_readable(on):
            found.slots.append(pack.add(_compared(gradient, on)))
        else:
            found.slots.append(pack.add(_UNTOLD))

    return hook


def _compared(arrived: Tensor, passed: Tensor) -> Tensor:
    """The product of both, what one times a number leaves of the other, and both their squares."""
    given, on = arrived.detach().float(), passed.detach().float()
    largest = given.abs().amax().clamp(min=1e-30)
    given, on = given / largest, on / largest  # squares of tiny gradients are 0
    product, squares = (given * on).sum(), given.square().sum()
    factor = product / squares.where(squares > 0, torch.ones_like(squares))
    left = (on - factor * given).square().sum()
    return torch.stack([product, left, squares, on.square().sum()])
