"""insert-norm: a normalisation before hidden activations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Kind, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._hidden import hidden
from lifesigns.remedies._live import is_module_of, optimize_too, replace_module, submodule
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._sites import call_of
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies.testing import case, site

OVER_CHANNELS = {3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}
"""The class in `torch.nn` by the number of dimensions, where units are channels."""


@dataclass(frozen=True)
class InsertNorm(Edit):
    """What enters the activations at `sites` is normalised over the layer, or over the batch."""

    name: ClassVar[str] = "insert-norm"
    sites: tuple[Site, ...]

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if not all(is_module_of(run.model, each) for each in self.sites):
            raise Refused("an activation is a function call, which no weights can be added to")
        added: list[nn.Parameter] = []
        for each in self.sites:
            old = submodule(run.model, each.module)
            device = next(run.model.parameters()).device
            norm = getattr(nn, norm_for(each))(each.units).to(device)
            replace_module(run.model, each.module, nn.Sequential(norm, old))
            added += norm.parameters()
        if run.optimizer is not None:
            optimize_too(run.optimizer, added)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        nn_ = script.spelled("torch.nn")
        wrapped: dict[cst.Call, str] = {}
        for each in self.sites:
            call = call_of(script, each, places.get(each.name))
            if script.name(call) != module_name(each.operation):
                raise Refused(f"{each.operation} is called as a function, which holds no weights")
            norm = f"{nn_}.{norm_for(each)}({each.units})"
            if wrapped.setdefault(call, norm) != norm:
                raise Refused(f"line {script.line(call)} builds layers of several widths")
        for call, norm in wrapped.items():
            text = f"{nn_}.Sequential({norm}, {script.text(call)})"
            yield script.replaced(call, text)


def norm_for(site: Site) -> str:
    """The normalisation for a site's shape: over units in the last dimension, else over the batch.

    Raises:
        Refused: There is no usual one.
    """
    dimensions = len(site.shape)
    if site.unit_dim in (-1, dimensions - 1):
        return "LayerNorm"
    if site.unit_dim == 1 and dimensions in OVER_CHANNELS:
        return OVER_CHANNELS[dimensions]
    raise Refused(f"{site.name} has no usual normalisation")


def made_for(finding: Finding, trace: Trace) -> Iterator[InsertNorm]:
    """Before all hidden activations, unless the network normalises already."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    if graph is not None and not graph.of_kind(Kind.NORM) and (found := hidden(trace)):
        yield InsertNorm(tuple(found))


# --- cases ----------------------------------------------------------------------------------------
_STACK = "model = nn.Sequential(nn.Linear(4, 8), {}, nn.Linear(8, 1))"
_NARROWING = """
def block(a, b):
    return nn.Sequential(nn.Linear(a, b), {})


model = nn.Sequential(block(4, {}), block({}, 8), nn.Linear(8, 1))
"""
_TWO = (site("0.1:tanh#0"), site("1.1:tanh#0"))
MANUAL = Manual(
    name=InsertNorm.name,
    title="A normalisation before hidden activations",
    changes="What enters hidden activations: `nn.LayerNorm` over the units, batch normalisation "
    "over channels. The new weights start at one and zero and are given to the optimizer.",
    unsafe="Where the size of the values carries meaning, and over channels where batches are "
    "small. It can hide an initialisation or a rate that is wrong.",
    references=(
        "Ba, Kiros & Hinton 2016, Layer Normalization",
        "Ioffe & Szegedy 2015, Batch Normalization",
    ),
    made_for=made_for,
    cases=(
        case(
            "a position in a Sequential",
            InsertNorm((site("1:sigmoid#0"),)),
            "model",
            _STACK.format("nn.Sigmoid()"),
            _STACK.format("nn.Sequential(nn.LayerNorm(8), nn.Sigmoid())"),
        ),
        case(
            "one expression for two layers of one width",
            InsertNorm(_TWO),
            "model",
            _NARROWING.format("nn.Tanh()", 8, 8),
            _NARROWING.format("nn.Sequential(nn.LayerNorm(8), nn.Tanh())", 8, 8),
        ),
        case(
            "refused: one expression for two widths",
            InsertNorm((site("0.1:tanh#0", units=16), site("1.1:tanh#0"))),
            "model",
            _NARROWING.format("nn.Tanh()", 16, 16),
            None,
        ),
    ),
)
