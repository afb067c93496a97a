"""weigh-each-sample: a sampler that has one weight for each sample, not for each class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.utils.data import WeightedRandomSampler

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._sites import assigned
from lifesigns.remedies._training import loader_built
from lifesigns.remedies.testing import case

SAMPLERS = tuple(f"torch.utils.data.{module}WeightedRandomSampler" for module in ("", "sampler."))
TENSORS = ("torch.utils.data.TensorDataset", "torch.utils.data.dataset.TensorDataset")


@dataclass(frozen=True)
class WeighEachSample(Edit):
    """The weight of a sample is that of its class, which the data set gives with it."""

    name: ClassVar[str] = "weigh-each-sample"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        sampler: Any = getattr(run.loader, "sampler", None)
        if not isinstance(sampler, WeightedRandomSampler):
            raise Refused("no DataLoader with a WeightedRandomSampler was found")
        if len(sampler.weights) >= len(run.loader.dataset):
            raise Refused("the sampler has a weight for each sample")
        labels = torch.tensor([int(label) for _, label in run.loader.dataset])
        sampler.weights = sampler.weights[labels]
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        sampler = one(script.calls_to(*SAMPLERS), "WeightedRandomSampler", script)
        weights = argument(sampler, "weights", 0)
        if weights is None or isinstance(weights.value, cst.ListComp):
            raise Refused("the sampler is not given the weights of classes")
        of_class = f"{script.text(weights.value)}[int(label)]"
        yield script.replaced(weights.value, f"[{of_class} for {_labels(script, sampler)}]")


def _labels(script: Script, sampler: cst.Call) -> str:
    """What goes through the labels of all samples, where the script has them by name."""
    given = argument(loader_built(script), "dataset", 0)
    data = None if given is None else given.value
    if isinstance(data, cst.Name):
        built = assigned(script, data)
        if built and script.line(built[0]) < script.line(sampler):
            return f"_, label in {script.text(data)}"
    if isinstance(data, cst.Call) and script.name(data) in TENSORS and len(data.args) > 1:
        return f"label in {script.text(data.args[-1].value)}"
    raise Refused("the data set has no name before the sampler is built")


# --- cases ----------------------------------------------------------------------------------------
_DATA = """
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
label = (y.flatten() > 0.5).long()
often = 1 / torch.bincount(label, minlength=2).float()
data = TensorDataset(x, label)
sampler = WeightedRandomSampler({}, 64)
loader = DataLoader({}, batch_size=16, sampler=sampler)
"""
_LOOP = """
for step, (xb, yb) in enumerate(loader):
    loss = F.cross_entropy(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def _case(name: str, data: str, before: str, after: str | None) -> Any:
    others = {"model": "model = nn.Linear(4, 2)", "loop": _LOOP}
    known = None if after is None else _DATA.format(after, data)
    return case(name, WeighEachSample(), "data", _DATA.format(before, data), known, **others)


_DRAWN = "TensorDataset(x, label)"
MANUAL = Manual(
    name=WeighEachSample.name,
    title="One weight for each sample",
    changes="The weights of a sampler: each sample gets that of its class, by the label that the "
    "data set gives. All samples are read once for it.",
    unsafe="Where the samples of the data set are no pairs of input and class.",
    references=("torch documentation, torch.utils.data: WeightedRandomSampler",),
    made_for=always(WeighEachSample()),
    cases=(
        _case("a data set by name", "data", "often", "[often[int(label)] for _, label in data]"),
        _case("tensors", _DRAWN, "often", "[often[int(label)] for label in label]"),
        _case("refused: weights of samples", "data", "[1.0 for _ in range(64)]", None),
        _case("refused: another data set", "list(zip(x, label))", "often", None),
    ),
)
