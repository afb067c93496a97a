"""drop-norm: no normalisation over a single value, which is always 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Kind, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import replace_module
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._sites import layers_of
from lifesigns.remedies.testing import case

WITHIN_A_SAMPLE = frozenset({"layer_norm", "instance_norm", "rms_norm"})
"""They take mean and spread of each sample; of one value that leaves nothing."""

ELEMENTS = "elements"
"""The detail of a site that says how many elements are normalised together."""


@dataclass(frozen=True)
class DropNorm(Edit):
    """The normalisation at this module path gives what it is given."""

    name: ClassVar[str] = "drop-norm"
    layer: str

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if not self.layer:
            raise Refused("the normalisation is a function call, not a module")
        replace_module(run.model, self.layer, nn.Identity())
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        if not self.layer:
            raise Refused("the normalisation is a function call, not a module")
        identity = script.spelled("torch.nn.Identity")
        for call in layers_of(script, (self.layer,), places):
            if script.name(call) != "torch.nn.Identity":
                yield script.replaced(call, f"{identity}()")


def made_for(finding: Finding, trace: Trace) -> Iterator[DropNorm]:
    """One for each normalisation over a single value."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    if graph is not None:
        norms = [graph.sites[i] for i in graph.of_kind(Kind.NORM)]
        yield from (DropNorm(each.module) for each in norms if _is_over_one(each))


def _is_over_one(site: Site) -> bool:
    if site.details.get(ELEMENTS) == 1:
        return True
    is_last = site.operation != "instance_norm"
    over = site.shape[-1:] if is_last else site.shape[2:]
    return site.operation in WITHIN_A_SAMPLE and bool(over) and set(over) == {1}


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self, width=1):
        super().__init__()
        self.norm = {}
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        return self.body(self.norm(x.unsqueeze(-1)).squeeze(-1))


model = Net()
"""
_LIST = "model = nn.Sequential(nn.Unflatten(1, (4, 1)), {}, nn.Flatten(), nn.Linear(4, 1))"
_TWO = "nn.LayerNorm(width)\n        self.norm = nn.LayerNorm(1)"


def _case(name: str, path: str, net: str, before: str, after: str | None) -> Any:
    return case(name, DropNorm(path), "model", before, after, frame=net)


MANUAL = Manual(
    name=DropNorm.name,
    title="No normalisation over a single value",
    changes="A layer that takes mean and spread of one value for each sample, as of one feature, "
    "is left out: a value less its own mean is 0, whatever it was.",
    unsafe="Stored weights of the layer find no place any more. Where the layer was meant to run "
    "over another axis, say that axis instead.",
    references=("Ba, Kiros & Hinton 2016, Layer Normalization, section 3",),
    made_for=made_for,
    cases=(
        _case("an attribute", "norm", _NET, "nn.LayerNorm(width)", "nn.Identity()"),
        _case("a position", "1", _LIST, "nn.LayerNorm(1)", "nn.Identity()"),
        _case("refused: it is built in two places", "norm", _NET, _TWO, None),
    ),
)
