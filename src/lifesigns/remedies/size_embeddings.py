"""size-embeddings: embeddings drawn as large as what they are joined with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import same_random_numbers
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script
from lifesigns.remedies._training import for_each_layer
from lifesigns.remedies.testing import case

SMALL, AS_TORCH = 0.1, 1.0
BY_RULE = {"embeddings-too-large": SMALL, "positions-swamp-tokens": AS_TORCH}


@dataclass(frozen=True)
class SizeEmbeddings(Edit):
    """The vectors of all embeddings start with the deviation `std`."""

    name: ClassVar[str] = "size-embeddings"
    std: float = SMALL

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        found = [m for m in run.model.modules() if isinstance(m, nn.Embedding)]
        if not found:
            raise Refused("the model has no embedding")
        with same_random_numbers(run.model):
            for embedding in found:
                embedding.reset_parameters()
                embedding.weight.data.mul_(self.std)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        scale = [] if self.std == AS_TORCH else [f"layer.weight.data.mul_({self.std:g})"]
        return for_each_layer(script, ("Embedding",), "layer.reset_parameters()", *scale)


def made_for(finding: Finding, trace: Trace) -> Iterator[SizeEmbeddings]:
    """Small where two are multiplied, of torch's own size where sines are added to them."""
    if finding.rule in BY_RULE:
        yield SizeEmbeddings(BY_RULE[finding.rule])


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(2, 8)

    def forward(self, x):
        left, right = self.embed((x[:, 0] > 0).long()), self.embed((x[:, 1] > 0).long())
        return (left * right).sum(1, keepdim=True)


model = Net()
"""
_OPTIMIZER = "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n"
_DRAWN = """\
for layer in model.modules():
    if isinstance(layer, nn.Embedding):
        layer.reset_parameters()
"""
_SCALED = "        layer.weight.data.mul_(0.1)\n"


def _case(name: str, std: float, before: str, after: str | None) -> Any:
    return case(name, SizeEmbeddings(std), "optimizer", before, after, model=_NET)


MANUAL = Manual(
    name=SizeEmbeddings.name,
    title="Embeddings of the right size",
    changes="The vectors of all embeddings, right before the optimizer is built: drawn from a "
    "normal distribution, with a deviation of 0.1 where two of them are multiplied, and of 1 "
    "where sines and cosines are added to them. A row for padding is 0 again.",
    unsafe="Where embeddings come trained, or are tied to the output.",
    references=(
        "Koren, Bell & Volinsky 2009, Matrix Factorization Techniques for Recommender Systems",
    ),
    made_for=made_for,
    cases=(
        _case("small", SMALL, _OPTIMIZER, _DRAWN + _SCALED + _OPTIMIZER),
        _case("as torch has them", AS_TORCH, _OPTIMIZER, _DRAWN + _OPTIMIZER),
        _case(
            "refused: the optimizer is given a list",
            SMALL,
            "optimizer = torch.optim.SGD([model.embed.weight], lr=0.1)",
            None,
        ),
    ),
)
