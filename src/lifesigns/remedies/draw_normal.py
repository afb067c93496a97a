"""draw-normal: noise of a normal distribution, where it was drawn between 0 and 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies._training import trained
from lifesigns.remedies.testing import case

UNIFORM, NORMAL = "rand_like", "randn_like"


@dataclass(frozen=True)
class DrawNormal(Edit):
    """`rand_like` becomes `randn_like`."""

    name: ClassVar[str] = "draw-normal"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            drawn = name == UNIFORM and torch.is_grad_enabled()
            return torch.randn_like(*args, **kwargs) if drawn else NotImplemented

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        calls = trained(script, script.calls_to(f"torch.{UNIFORM}"))
        call = one(calls, "call of rand_like in training", script)
        yield script.replaced(call.func, script.spelled(f"torch.{NORMAL}"))


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    noise = {}
    loss = F.mse_loss(model(x + noise), noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(model(torch.rand_like(x)))
"""
_MODEL = "model = nn.Linear(4, 4)"


def _case(name: str, before: str, after: str | None) -> Any:
    other = None if after is None else _LOOP.format(after)
    return case(name, DrawNormal(), "loop", _LOOP.format(before), other, model=_MODEL)


MANUAL = Manual(
    name=DrawNormal.name,
    title="Normal noise",
    changes="The distribution that noise is drawn from in training: mean 0 and deviation 1, in "
    "place of the numbers from 0 to 1. Draws without gradients stay.",
    unsafe="Where numbers between 0 and 1 are meant: a probability, a time, a mask.",
    references=("Ho, Jain & Abbeel 2020, Denoising Diffusion Probabilistic Models, algorithm 1",),
    made_for=always(DrawNormal()),
    cases=(
        _case("beside one that evaluates", "torch.rand_like(x)", "torch.randn_like(x)"),
        _case("within a product", "0.5 * torch.rand_like(x)", "0.5 * torch.randn_like(x)"),
        _case("refused: two draws", "torch.rand_like(x) - torch.rand_like(x)", None),
    ),
)
