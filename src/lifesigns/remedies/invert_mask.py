"""invert-mask: attention to the words, where a mask of the wrong side leaves the padding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._written import turned
from lifesigns.remedies.testing import case

OF_PADDING = ("key_padding_mask", "src_key_padding_mask", "memory_key_padding_mask")
FILLS = ("masked_fill", "masked_fill_")
LOW = -1e3
"""From here on a score is meant to be left out of a softmax."""


@dataclass(frozen=True)
class InvertMask(Edit):
    """What the mask of padding leaves out takes part, and the other way round."""

    name: ClassVar[str] = "invert-mask"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        attention = [m for m in run.model.modules() if isinstance(m, nn.MultiheadAttention)]
        return _inverted(attention) if attention else Answering(_filled)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        given = [arg for each in script.of_kind(cst.Call) if (arg := _padding(each))]
        fills = [c for name in FILLS for c in script.method_calls(name) if _is_low(script, c)]
        masks = [each.value for each in given] or [call.args[0].value for call in fills]
        return turned(script, one(masks, "mask of padding", script))


def _padding(call: cst.Call) -> cst.Arg | None:
    """The mask that is handed to an attention of torch's own."""
    found = (argument(call, name) for name in OF_PADDING)
    return next((arg for arg in found if arg and not _is_none(arg.value)), None)


def _is_none(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "None"


def _is_low(script: Script, call: cst.Call) -> bool:
    """Whether scores are filled so low that a softmax leaves them out."""
    text = script.text(call.args[1].value) if len(call.args) == len(("mask", "value")) else ""
    return "inf" in text.lower() or text.startswith(("-1e", "-9e", "-1000"))


# --- in a live run --------------------------------------------------------------------------------
@contextmanager
def _inverted(attention: list[nn.MultiheadAttention]) -> Iterator[None]:
    def turned(_module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        mask = kwargs.get("key_padding_mask")
        return None if mask is None else (args, {**kwargs, "key_padding_mask": _other(mask)})

    with ExitStack() as stack:
        for each in attention:
            stack.callback(each.register_forward_pre_hook(turned, with_kwargs=True).remove)
        yield


def _other(mask: Tensor) -> Tensor:
    if mask.dtype is torch.bool:
        return ~mask
    return torch.where(mask == 0, -math.inf, 0.0).to(mask.dtype)


def _filled(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    rest = [*args, *(kwargs[k] for k in ("mask", "value") if k in kwargs)]
    if name not in FILLS or len(rest) < 3 or torch.is_tensor(rest[2]) or rest[2] > LOW:
        return NotImplemented
    return call_again(name, rest[0], ~rest[1], rest[2])


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        h = x.view(-1, 2, 2)
        padding = {}
        z, _ = self.attention(h, h, h, key_padding_mask={})
        return self.head(z.flatten(1))


model = Net()
"""
_SOME = "torch.arange(2).expand(len(h), 2) {} 0"
_BY_HAND = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        h = x.view(-1, 2, 2)
        scores = h @ h.transpose(1, 2)
        scores = scores.masked_fill({}, -torch.inf)
        return self.head((scores.softmax(-1) @ h)[:, 0])


model = Net()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, InvertMask(), "model", before, after)


MANUAL = Manual(
    name=InvertMask.name,
    title="The other side of the mask of padding",
    changes="The mask that an attention is given for its keys, or by which scores are filled with "
    "minus infinity: what was left out takes part, and what took part is left out.",
    unsafe="Where the mask is right: True means that a place is left out, in all of torch's own "
    "attention but `scaled_dot_product_attention`, where it means that it takes part.",
    references=("PyTorch documentation, torch.nn.MultiheadAttention: key_padding_mask",),
    made_for=always(InvertMask()),
    cases=(
        _case(
            "a mask with a name",
            _NET.format(_SOME.format("=="), "padding"),
            _NET.format(_SOME.format("=="), "torch.logical_not(padding)"),
        ),
        _case(
            "a comparison, by hand",
            _BY_HAND.format("torch.arange(2) == 0"),
            _BY_HAND.format("torch.logical_not(torch.arange(2) == 0)"),
        ),
        _case("refused: no mask", _NET.format("None", "None"), None),
    ),
)
