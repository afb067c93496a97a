"""ignore-shown: the loss asks for the tokens that are hidden, and for none that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies._written import turned
from lifesigns.remedies.testing import case

IGNORED = -100
"""The target that a cross-entropy of torch's leaves out unless it is told another one."""
FILLS = ("masked_fill", "masked_fill_")


@dataclass(frozen=True)
class IgnoreShown(Edit):
    """What a mask takes out of the targets counts, and the other targets are left out."""

    name: ClassVar[str] = "ignore-shown"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_filled)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        masks = [*_assigned(script), *_in_calls(script)]
        return turned(script, one(masks, "mask of ignored targets", script))


def _assigned(script: Script) -> Iterator[cst.BaseExpression]:
    """The mask in `labels[mask] = -100`."""
    for statement in script.of_kind(cst.Assign):
        target = statement.targets[0].target
        if isinstance(target, cst.Subscript) and _is_ignored(script, statement.value):
            place = target.slice[0].slice
            if len(target.slice) == 1 and isinstance(place, cst.Index):
                yield place.value


def _in_calls(script: Script) -> Iterator[cst.BaseExpression]:
    """The mask in `labels.masked_fill(mask, -100)` and `torch.where(mask, …)` with a -100."""
    for call in script.of_kind(cst.Call):
        values = [arg.value for arg in call.args]
        is_fill = isinstance(call.func, cst.Attribute) and call.func.attr.value in FILLS
        is_choice = is_fill or script.name(call) == "torch.where"
        if is_choice and any(_is_ignored(script, value) for value in values[1:]):
            yield values[0]


def _is_ignored(script: Script, value: cst.BaseExpression) -> bool:
    return script.text(value) == str(IGNORED)


def _filled(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = [*args, *(kwargs[key] for key in ("mask", "value") if key in kwargs)]
    if name == "__setitem__" and _is_mask(given[1]) and _is_number(given[2]):
        return given[0].__setitem__(~given[1], IGNORED)
    if name in FILLS and _is_number(given[2]):
        return call_again(name, given[0], ~given[1], IGNORED)
    if name == "where" and any(map(_is_number, given[1:])):
        return torch.where(~given[0], *given[1:])
    return NotImplemented


def _is_mask(place: Any) -> bool:
    return torch.is_tensor(place) and place.dtype is torch.bool


def _is_number(value: Any) -> bool:
    return bool(value == IGNORED) if not torch.is_tensor(value) or value.dim() == 0 else False


def made_for(finding: Finding, trace: Trace) -> Iterator[IgnoreShown]:
    """Where tokens are hidden and not asked for."""
    if finding.evidence.get("hidden", 0) > 0:
        yield IgnoreShown()


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
_LOOP = """
hidden = x[:, 0] > 0
for step in range(20):
    labels = x[:, :3].argmax(1)
    {}
    loss = F.cross_entropy(model(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, IgnoreShown(), "loop", _LOOP.format(before), other, model=_MODEL)


MANUAL = Manual(
    name=IgnoreShown.name,
    title="The other side of the mask of ignored targets",
    changes="The mask by which targets become -100, which a cross-entropy leaves out: those that "
    "were left out count, and those that counted are left out.",
    unsafe="Where the mask is right, and where what it leaves out is padding. In a live run only "
    "targets that are masked during the training are reached.",
    references=("Devlin et al. 2019, BERT (NAACL), section 3.1: only hidden tokens are predicted",),
    made_for=made_for,
    cases=(
        _case(
            "an assignment",
            "labels[hidden] = -100",
            "labels[torch.logical_not(hidden)] = -100",
        ),
        _case(
            "a choice",
            "labels = torch.where(hidden, -100, labels)",
            "labels = torch.where(torch.logical_not(hidden), -100, labels)",
        ),
        _case(
            "a filling",
            "labels = labels.masked_fill(hidden, -100)",
            "labels = labels.masked_fill(torch.logical_not(hidden), -100)",
        ),
        _case("refused: nothing is ignored", "assert len(labels)", None),
    ),
)
