"""register-layers: layers in a list or dictionary that the model knows of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import optimize_too, submodule
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.testing import case

CONTAINERS = ("ModuleList", "ModuleDict")


@dataclass(frozen=True)
class RegisterLayers(Edit):
    """What is kept at these paths of attributes is kept in a `ModuleList` or `ModuleDict`."""

    name: ClassVar[str] = "register-layers"
    attributes: tuple[str, ...]

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        new = list[nn.Parameter]()
        held = [(path, _held(run.model, path)) for path in self.attributes]
        for path, kept in held:
            parent, _, name = path.rpartition(".")
            owner = submodule(run.model, parent)
            delattr(owner, name)
            setattr(owner, name, kept)
            new += kept.parameters()
        if run.optimizer is not None:
            there = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
            optimize_too(run.optimizer, [p for p in new if id(p) not in there])
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        for name in dict.fromkeys(path.rpartition(".")[2] for path in self.attributes):
            values = list(_assigned(script, f"self.{name}"))
            value = one(values, f"place that fills self.{name}", script)
            known = isinstance(value, cst.Dict | cst.DictComp)
            container = script.spelled(f"torch.nn.{CONTAINERS[known]}")
            if not _is_registered(script, value):
                start, end = script.span(value)
                yield Change(start, start, f"{container}(")
                yield Change(end, end, ")")


def _held(model: nn.Module, path: str) -> nn.Module:
    """The container to be, of the same modules."""
    parent, _, name = path.rpartition(".")
    kept: Any = getattr(submodule(model, parent), name, None)
    each = list(kept.values()) if isinstance(kept, dict) else list(_entries(kept))
    if not each or not all(isinstance(one, nn.Module) for one in each):
        raise Refused(f"{path} is no list or dictionary of layers")
    if not isinstance(kept, dict):
        return nn.ModuleList(each)
    if not all(isinstance(key, str) for key in kept):
        raise Refused(f"{path} has keys that are no text")
    return nn.ModuleDict(kept)


def _entries(kept: Any) -> Iterable[Any]:
    return kept if isinstance(kept, list | tuple) else ()


def _assigned(script: Script, target: str) -> Iterator[cst.BaseExpression]:
    for statement in script.of_kind(cst.Assign):
        if any(script.text(each.target) == target for each in statement.targets):
            yield statement.value


def _is_registered(script: Script, value: cst.CSTNode) -> bool:
    return isinstance(value, cst.Call) and script.name(value).rpartition(".")[2] in CONTAINERS


def made_for(finding: Finding, trace: Trace) -> Iterator[RegisterLayers]:
    """One, for the lists and dictionaries in the names of the parameters."""
    if any(remedy.edit == RegisterLayers.name for remedy in finding.remedies):
        names = (p.name for shot in trace.snapshots for p in shot.parameters if not p.optimized)
        paths = tuple(dict.fromkeys(name.partition("[")[0] for name in names if "[" in name))
        if paths:
            yield RegisterLayers(paths)


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = {}
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        for each in {}:
            x = each(x).relu()
        return self.head(x)


model = Net()
"""
_LIST = "[nn.Linear(4, 8), nn.Linear(8, 8)]"
_DICT = "{'first': nn.Linear(4, 8)}"
_TWICE = "[]\n        self.parts = [nn.Linear(4, 8)]"
_KEPT = RegisterLayers(("parts",))
MANUAL = Manual(
    name=RegisterLayers.name,
    title="Layers that the model knows of",
    changes="What holds the layers: `nn.ModuleList` for a list, `nn.ModuleDict` for a dictionary. "
    "With them the optimizer gets their parameters, a checkpoint holds them, and `.to` moves them.",
    unsafe="Where they are kept out on purpose, such as a frozen teacher in a list.",
    references=("PyTorch documentation, torch.nn.ModuleList",),
    made_for=made_for,
    cases=(
        case(
            "a list",
            _KEPT,
            "model",
            _NET.format(_LIST, "self.parts"),
            _NET.format(f"nn.ModuleList({_LIST})", "self.parts"),
        ),
        case(
            "a dictionary",
            _KEPT,
            "model",
            _NET.format(_DICT, "self.parts.values()"),
            _NET.format(f"nn.ModuleDict({_DICT})", "self.parts.values()"),
        ),
        case("refused: filled twice", _KEPT, "model", _NET.format(_TWICE, "self.parts"), None),
    ),
)
