"""softmax-dim: a softmax over the classes, where it runs over the samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.evidence.output import normalised_dim
from lifesigns.evidence.softmax import is_over_batch
from lifesigns.records import Finding, Kind, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import call_again, calls_changed, is_module_of, submodule
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._sites import call_of
from lifesigns.remedies._torch_names import module_name
from lifesigns.remedies.testing import case, site

LAST, PLACES = -1, -2


@dataclass(frozen=True)
class SoftmaxDim(Edit):
    """The softmax at `site` normalises the dimension `dim`."""

    name: ClassVar[str] = "softmax-dim"
    site: Site
    dim: int = LAST

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        operation = self.site.operation
        if is_module_of(run.model, self.site):
            setattr(submodule(run.model, self.site.module), "dim", self.dim)  # noqa: B010, mypy
            return nullcontext()
        instead = [self.site]
        return calls_changed(run.model, instead, lambda x: call_again(operation, x, self.dim))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = call_of(script, self.site, places.get(self.site.name))
        function = script.name(call).startswith("torch.")
        built = script.name(call) == module_name(self.site.operation)
        position = 1 if function and not built else 0
        return script.keyword(call, "dim", f"{self.dim}", position)


def made_for(finding: Finding, trace: Trace) -> Iterator[SoftmaxDim]:
    """The softmax that was found, or the ones over the batch."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    if graph is None:
        return
    found = [graph.sites[i] for i in graph.of_kind(Kind.SOFTMAX)]
    named = [each for each in found if each.name == finding.site]
    for each in named or filter(is_over_batch, found):
        units = each.unit_dim % max(len(each.shape), 1)
        if normalised_dim(each) != units:
            yield SoftmaxDim(each, LAST if units == len(each.shape) - 1 else units)
        elif len(each.shape) > 2 and each.shape[units:] == (1,):  # one score for each place
            yield SoftmaxDim(each, PLACES)


# --- cases ----------------------------------------------------------------------------------------
_CLASSES = "y = (y.flatten() > 0.5).long()"
_STACK = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.LogSoftmax({}))"
_WIDE = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
_LOOP = """
for step in range(20):
    loss = F.nll_loss({}, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_POOL = """
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.head = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, x):
        places = x.reshape(len(x), 2, 2)
        weights = F.softmax(self.score(places), dim={})
        return self.head((weights * places).sum(1))


model = Pool()
"""
_OUTSIDE = SoftmaxDim(site(":log_softmax#0", Kind.SOFTMAX))


def _case(name: str, before: str, after: str) -> Any:
    """A log-softmax in the loop."""
    loops = _LOOP.format(before), _LOOP.format(after)
    return case(name, _OUTSIDE, "loop", *loops, data=_CLASSES, model=_WIDE)


MANUAL = Manual(
    name=SoftmaxDim.name,
    title="A softmax over the classes",
    changes="The dimension over which a softmax or log-softmax adds up to 1.",
    unsafe="Where samples are meant to compete with one another, as in attention over a batch or a "
    "choice of one of its rows.",
    references=("PyTorch documentation, torch.nn.Softmax: dim",),
    made_for=made_for,
    cases=(
        case(
            "a module",
            SoftmaxDim(site("3:log_softmax#0", Kind.SOFTMAX)),
            "model",
            _STACK.format("0"),
            _STACK.format("-1"),
            data=_CLASSES,
            loop=_LOOP.format("model(x)"),
        ),
        _case("a function", "F.log_softmax(model(x), 0)", "F.log_softmax(model(x), -1)"),
        _case(
            "a function of torch and its keyword",
            "torch.log_softmax(model(x), dim=0)",
            "torch.log_softmax(model(x), dim=-1)",
        ),
        _case("a method", "model(x).log_softmax(0)", "model(x).log_softmax(-1)"),
        case(
            "over the places, each of which has one score",
            SoftmaxDim(site(":softmax#0", Kind.SOFTMAX), PLACES),
            "model",
            _POOL.format("-1"),
            _POOL.format("-2"),
            loop=_LOOP.format("model(x)").replace("F.nll_loss", "F.mse_loss"),
        ),
        case(
            "refused: two calls, and either could be meant",
            SoftmaxDim(site("deep:log_softmax#3", Kind.SOFTMAX)),
            "loop",
            _LOOP.format("model(x).log_softmax(0) + model(-x).log_softmax(0)"),
            None,
            data=_CLASSES,
            model=_WIDE,
        ),
    ),
)
