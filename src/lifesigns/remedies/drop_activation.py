"""drop-activation: a last activation, or dropout, that the loss or the target does not want."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import WEIGHTED, Finding, Kind, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import calls_changed, is_module_of, replace_module
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._sites import own_call_of
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies._written import dropped
from lifesigns.remedies.testing import case, site


@dataclass(frozen=True)
class DropActivation(Edit):
    """The value that enters the activation, or the dropout, at `site` goes on as it is."""

    name: ClassVar[str] = "drop-activation"
    site: Site

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        if is_module_of(run.model, self.site):
            replace_module(run.model, self.site.module, nn.Identity())
            return nullcontext()
        return calls_changed(run.model, [self.site], lambda x: x)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = own_call_of(script, self.site, places)
        if script.name(call) == module_name(self.site.operation):
            yield script.replaced(call, f"{script.spelled('torch.nn.Identity')}()")
        else:
            yield from dropped(script, call)


def made_for(finding: Finding, trace: Trace) -> Iterator[DropActivation]:
    """The site that was found, or else the last activation before the loss."""
    graph = trace.snapshots[-1].graph if trace.snapshots else None
    if graph is None:
        return
    found = graph.of_kind(Kind.ACTIVATION, Kind.SOFTMAX)
    last = [graph.sites[i] for i in found if not graph.leads_to(i, WEIGHTED)]
    kinds = [s for s in last if s.operation != "log_softmax"]
    dropouts = [graph.sites[i] for i in graph.of_kind(Kind.DROPOUT)]
    named = [s for s in (*kinds, *dropouts) if s.name == finding.site]
    yield from map(DropActivation, named or kinds[:1])


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, x):
        return {}


model = Net()
"""
_LOOP = """
for step in range(20):
    p = {}
    loss = F.binary_cross_entropy_with_logits(p, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_SIGMOID = DropActivation(site(":sigmoid#0"))
MANUAL = Manual(
    name=DropActivation.name,
    title="No activation, or dropout, behind the last layer",
    changes="The last activation: a softmax or sigmoid that the loss applies again, or one that "
    "cannot reach the targets; or a dropout of the outputs. A module becomes `nn.Identity()`, so "
    "no other changes its name.",
    unsafe="Where the program reads the output as a probability: a threshold of 0.5 becomes 0, and "
    "what is shown or stored has to be squashed there. The largest of several classes stays.",
    references=("PyTorch documentation, CrossEntropyLoss and BCEWithLogitsLoss: raw outputs",),
    made_for=made_for,
    cases=(
        case(
            "the last position of a Sequential",
            DropActivation(site("1:softmax#0")),
            "model",
            "model = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1), nn.Linear(3, 1))",
            "model = nn.Sequential(nn.Linear(4, 3), nn.Identity(), nn.Linear(3, 1))",
        ),
        case(
            "a dropout of the outputs",
            DropActivation(site("1:dropout#0", Kind.DROPOUT)),
            "model",
            "model = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.3))",
            "model = nn.Sequential(nn.Linear(4, 1), nn.Identity())",
        ),
        case(
            "a function in forward",
            _SIGMOID,
            "model",
            _NET.format("torch.sigmoid(self.body(x))"),
            _NET.format("self.body(x)"),
        ),
        case(
            "a sum, which needs brackets then",
            _SIGMOID,
            "model",
            _NET.format("torch.sigmoid(self.body(x) + 1) * 2"),
            _NET.format("(self.body(x) + 1) * 2"),
        ),
        case(
            "a call in the loop",
            _SIGMOID,
            "loop",
            _LOOP.format("model(x).sigmoid()"),
            _LOOP.format("model(x)"),
        ),
        case(
            "refused: a loop over layers, of which the last is meant",
            DropActivation(site(":relu#1")),
            "model",
            _NET.format("self.run(x)").replace(
                "    def forward",
                "    def run(self, x):\n"
                "        for layer in [self.body, nn.Identity()]:\n"
                "            x = torch.relu(layer(x))\n"
                "        return x\n\n"
                "    def forward",
            ),
            None,
        ),
        case(
            "refused: two calls, and either could be meant",
            DropActivation(site("deep:sigmoid#3")),
            "model",
            _NET.format("torch.sigmoid(self.body(x)) * torch.sigmoid(x)"),
            None,
        ),
    ),
)
