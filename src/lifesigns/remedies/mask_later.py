"""mask-later: attention that reads what came before only, where the next token is to be told."""

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
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

FUSED = "torch.nn.functional.scaled_dot_product_attention"
ATTENTION = {"torch.nn.MultiheadAttention": "attn_mask", "torch.nn.TransformerEncoder": "mask"}
"""Layers that are told by a keyword which places each place may not read."""
SQUARE = "torch.nn.Transformer.generate_square_subsequent_mask"
MATRIX = 2


@dataclass(frozen=True)
class MaskLater(Edit):
    """No attention gives weight to what comes later in a sequence."""

    name: ClassVar[str] = "mask-later"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        attention = [m for m in run.model.modules() if isinstance(m, nn.MultiheadAttention)]
        return _masked(attention) if attention else Answering(_looking_back)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        fused = trained(script, script.calls_to(FUSED))
        layers = [call for call in script.of_kind(cst.Call) if _layer(script, call)]
        scores = [call for call in script.of_kind(cst.Call) if _is_of_scores(script, call)]
        call = one([*fused, *layers, *scores], "attention", script)
        if call in fused:
            return script.keyword(call, "is_causal", "True", 5)
        if call in layers:
            return _told(script, call)
        return _filled(script, call)


# --- in a live run --------------------------------------------------------------------------------
@contextmanager
def _masked(attention: list[nn.MultiheadAttention]) -> Iterator[None]:
    def looking_back(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        given = args[0] if args else kwargs["query"]
        length = given.shape[1] if getattr(module, "batch_first", False) else given.shape[0]
        mask = torch.full((length, length), -math.inf, device=given.device).triu(1)
        return args, {**kwargs, "attn_mask": mask, "is_causal": False}

    with ExitStack() as stack:
        for each in attention:
            stack.callback(each.register_forward_pre_hook(looking_back, with_kwargs=True).remove)
        yield


def _looking_back(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if name == "scaled_dot_product_attention" and kwargs.get("attn_mask") is None:
        return call_again(name, *args[:3], **{**kwargs, "is_causal": True})
    if name != "softmax" or not torch.is_tensor(args[0]) or not _is_square(args[0]):
        return NotImplemented
    return call_again(name, _without_later(args[0]), *args[1:], **kwargs)


def _is_square(scores: Tensor) -> bool:
    return scores.dim() > MATRIX and scores.shape[-1] == scores.shape[-2] > 1


def _without_later(scores: Tensor) -> Tensor:
    return scores + torch.full_like(scores, -math.inf).triu(1)


# --- in the source --------------------------------------------------------------------------------
def _layer(script: Script, call: cst.Call) -> str:
    """The keyword for a mask, if a call runs an attention that was built in a class."""
    name = script.text(call.func)
    for statement in script.of_kind(cst.Assign):
        if name.startswith("self.") and script.text(statement.targets[0].target) == name:
            return ATTENTION.get(script.name(statement.value), "")
    return ""


def _told(script: Script, call: cst.Call) -> list[Change]:
    """The layer is given a mask as long as its sequences; only those with the batch first."""
    keyword, name = _layer(script, call), script.text(call.func)
    if argument(call, keyword) is not None:
        raise Refused(f"line {script.line(call)} has a mask already")
    if not call.args or not isinstance(call.args[0].value, cst.Name | cst.Attribute):
        raise Refused(f"line {script.line(call)} computes what it attends to")
    built = [s for s in script.of_kind(cst.Assign) if script.text(s.targets[0].target) == name]
    first = any("batch_first=True" in script.text(statement) for statement in built)
    inner = script.calls_to("torch.nn.TransformerEncoderLayer")
    if not first and not any("batch_first=True" in script.text(each) for each in inner):
        raise Refused(f"line {script.line(call)} takes time for its first axis")
    length = f"{script.text(call.args[0].value)}.shape[1]"
    return script.keyword(call, keyword, f"{script.spelled(SQUARE)}({length})")


def _is_of_scores(script: Script, call: cst.Call) -> bool:
    """Whether a call is a softmax of the last axis, of a product of two sequences."""
    function = script.name(call) in ("torch.softmax", "torch.nn.functional.softmax")
    method = isinstance(call.func, cst.Attribute) and call.func.attr.value == "softmax"
    if not function and (not method or script.name(call).startswith("torch.")):
        return False
    scope = script.within(call, cst.FunctionDef)
    products = [n for n in script.of_kind(cst.BinaryOperation, scope) if _is_product(n)]
    turned = [c for p in products for c in script.method_calls("transpose", p)]
    return bool(scope) and bool(turned or script.calls_to("torch.einsum", root=scope))


def _is_product(node: cst.BinaryOperation) -> bool:
    return isinstance(node.operator, cst.MatrixMultiply)


def _filled(script: Script, call: cst.Call) -> list[Change]:
    """Minus infinity is added to the scores above the diagonal."""
    is_function = script.name(call).startswith("torch.")
    owner = call.func.value if isinstance(call.func, cst.Attribute) else None
    scores = call.args[0].value if is_function else owner
    if not isinstance(scores, cst.Name):
        raise Refused(f"line {script.line(call)} computes the scores where it takes the softmax")
    torch_ = script.spelled("torch.full_like").removesuffix(".full_like")
    name = scores.value
    line = f"{name} = {name} + {torch_}.full_like({name}, -{torch_}.inf).triu(1)"
    return script.lines_before(call, line)


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(2, 1, batch_first=True)
        self.head = nn.Linear(4, 1)

    def forward(self, x):
        h = x.view(-1, 2, 2)
        {}
        return self.head(z.flatten(1))


model = Net()
"""
_LAYER = "z, _ = self.attention(h, h, h{})"
_BY_HAND = "scores = h @ h.transpose(1, 2)\n        {}z = scores.softmax(-1) @ h"
_FILL = "scores = scores + torch.full_like(scores, -torch.inf).triu(1)\n        "
_MASK = ", attn_mask=nn.Transformer.generate_square_subsequent_mask(h.shape[1])"
_FUSED = "z = F.scaled_dot_product_attention(h, h, h{})"


def _case(name: str, before: str, after: str | None) -> Any:
    return case(name, MaskLater(), "model", before, after, frame=_NET)


MANUAL = Manual(
    name=MaskLater.name,
    title="Attention that reads what came before only",
    changes="Scores of later places become minus infinity before the softmax of an attention, by "
    "`is_causal`, by a mask, or by hand.",
    unsafe="Where a network may read the whole sequence, as one that sorts texts into classes may.",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.2.3",),
    made_for=always(MaskLater()),
    cases=(
        _case("a layer", _LAYER.format(""), _LAYER.format(_MASK)),
        _case("by hand", _BY_HAND.format(""), _BY_HAND.format(_FILL)),
        _case("the fused function", _FUSED.format(""), _FUSED.format(", is_causal=True")),
        _case("refused: a mask is there", _LAYER.format(", attn_mask=None"), None),
    ),
)
