"""add-positions: tokens that know where they stand, before attention mixes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lifesigns.records import Finding, Kind, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import submodule
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.testing import case

LONGEST = 1e4
"""Length of the slowest wave, in positions, as in Vaswani et al."""
SEQUENCES = 3
"""Dimensions of embedded tokens: batch, positions, features."""
MIXING = (Kind.ATTENTION, Kind.SOFTMAX)
IN_ORDER = (Kind.RECURRENT, Kind.CONVOLUTION)


@dataclass(frozen=True)
class AddPositions(Edit):
    """Waves of many lengths, one for each feature, are added to what an embedding gives."""

    name: ClassVar[str] = "add-positions"
    embedding: str
    """Module path."""
    width: int

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return _added(submodule(run.model, self.embedding))

    def _changes(self, script: Script, places: Places) -> list[Change]:
        name = self.embedding.rpartition(".")[2]
        if name.isdigit():
            raise Refused("a list of layers has no place for a sum")
        called = script.calls(lambda call: script.text(call.func) == f"self.{name}")
        call = one(called, f"call of self.{name}", script)
        given = call.args[0].value if len(call.args) == 1 else None
        if not isinstance(given, cst.Name | cst.Attribute):
            raise Refused(f"line {script.line(call)} computes the tokens where it embeds them")
        tokens, torch_ = script.text(given), script.spelled("torch.outer").removesuffix(".outer")
        steps = f"{torch_}.arange({tokens}.shape[1], device={tokens}.device)"
        rates = f"{LONGEST:g} ** -{torch_}.linspace(0, 1, {self.width}, device={tokens}.device)"
        start, end = script.span(call)
        waves = f" + {torch_}.outer({steps}, {rates}).sin())"
        around = next(script.around(call), None)
        if isinstance(around, cst.BinaryOperation) and script.text(around).endswith(waves[:-1]):
            return []
        return [Change(start, start, "("), Change(end, end, waves)]


@contextmanager
def _added(embedding: nn.Module) -> Iterator[None]:
    def added(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        return output + _waves(output) if output.dim() == SEQUENCES else output

    with ExitStack() as stack:
        stack.callback(embedding.register_forward_hook(added).remove)
        yield


def _waves(embedded: Tensor) -> Tensor:
    """One wave for each feature, shape `[positions, features]`."""
    device = embedded.device
    steps = torch.arange(embedded.shape[1], device=device)
    rates = LONGEST ** -torch.linspace(0, 1, embedded.shape[2], device=device)
    return torch.outer(steps, rates).sin()


def made_for(finding: Finding, trace: Trace) -> Iterator[AddPositions]:
    """One, where tokens are embedded in one place and nothing but attention mixes them."""
    graph = trace.snapshots[0].graph if trace.snapshots else None
    if graph is None or graph.of_kind(*IN_ORDER) or not graph.of_kind(*MIXING):
        return
    found = [graph.sites[i] for i in graph.of_kind(Kind.EMBEDDING)]
    if len(found) == 1 and found[0].module and len(found[0].shape) == SEQUENCES:
        yield AddPositions(found[0].module, found[0].units)


# --- cases ----------------------------------------------------------------------------------------
_NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 8)
        self.mix = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, tokens):
        h = {}
        return self.head(self.mix(h, h, h)[0].mean(1))


model = Net()
"""
_LOOP = """
tokens = torch.randint(0, 5, (64, 6))
for step in range(20):
    optimizer.zero_grad()
    loss = F.mse_loss(model(tokens), y)
    loss.backward()
    optimizer.step()
"""
_WAVES = (
    "torch.outer(torch.arange(tokens.shape[1], device=tokens.device), "
    "10000 ** -torch.linspace(0, 1, 8, device=tokens.device)).sin()"
)


def _case(name: str, before: str, after: str | None) -> Any:
    edit = AddPositions("embed", 8)
    return case(name, edit, "model", before, after, frame=_NET, loop=_LOOP)


MANUAL = Manual(
    name=AddPositions.name,
    title="Positions added to the tokens",
    changes="What an embedding of tokens gives, `[batch, positions, features]`: a wave for each "
    "feature is added, from one of a few positions to one of thousands, so that the same token "
    "differs from place to place. There are no new weights.",
    unsafe="Where the order means nothing, as in a set; where positions are added elsewhere, or "
    "the first axis is that of the positions.",
    references=("Vaswani et al. 2017, Attention Is All You Need, section 3.5",),
    made_for=made_for,
    cases=(
        _case("an embedding", "self.embed(tokens)", f"(self.embed(tokens) + {_WAVES})"),
        _case(
            "within another expression",
            "2 * self.embed(tokens)",
            f"2 * (self.embed(tokens) + {_WAVES})",
        ),
        _case("refused: two calls", "self.embed(tokens) + self.embed(tokens)", None),
    ),
)
