"""shuffle: samples in another order in each epoch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.utils.data import RandomSampler, SequentialSampler

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import loader_built
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class Shuffle(Edit):
    """The loader of the training shuffles."""

    name: ClassVar[str] = "shuffle"
    seed: int = 0
    """Of the order, which is drawn apart from the run's own random numbers."""

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        batches: Any = getattr(run.loader, "batch_sampler", None)
        if not isinstance(getattr(batches, "sampler", None), SequentialSampler):
            raise Refused("no DataLoader was found that takes its samples in their order")
        generator = torch.Generator().manual_seed(self.seed)
        batches.sampler = RandomSampler(run.loader.dataset, generator=generator)
        return nullcontext()

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = loader_built(script)
        for other in ("sampler", "batch_sampler"):
            if argument(call, other) is not None:
                raise Refused(f"the DataLoader has a {other} of its own")
        return script.keyword(call, "shuffle", "True", position=2)


# --- cases ----------------------------------------------------------------------------------------
_LOADERS = """
from torch.utils.data import DataLoader, TensorDataset
loader = {}
held_out = DataLoader(TensorDataset(x, y))
"""
_OVER = """
for epoch in range(3):
    for step, (xb, yb) in {}:
        loss = F.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_LOOP = _OVER.replace("step, (xb, yb)", "xb, yb").replace("{}", "loader") + "step = epoch\n"
MANUAL = Manual(
    name=Shuffle.name,
    title="Samples in another order in each epoch",
    changes="The order in which the training loader hands out its samples.",
    unsafe="Where order carries meaning: a stream, a curriculum, a state that is carried from "
    "batch to batch.",
    references=("Bengio 2012, Practical Recommendations for Gradient-Based Training, section 3.1",),
    made_for=always(Shuffle()),
    cases=(
        case(
            "no word of it",
            Shuffle(),
            "data",
            _LOADERS.format("DataLoader(TensorDataset(x, y), batch_size=16)"),
            _LOADERS.format("DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)"),
            loop=_LOOP,
        ),
        case(
            "switched off",
            Shuffle(),
            "data",
            _LOADERS.format("DataLoader(TensorDataset(x, y), shuffle=False, batch_size=16)"),
            _LOADERS.format("DataLoader(TensorDataset(x, y), shuffle=True, batch_size=16)"),
            loop=_LOOP,
        ),
        case(
            "refused: a sampler of its own",
            Shuffle(),
            "data",
            _LOADERS.format("DataLoader(TensorDataset(x, y), sampler=range(8))"),
            None,
            loop=_LOOP,
        ),
        case(
            "through enumerate",
            Shuffle(),
            "data",
            _LOADERS.format("DataLoader(TensorDataset(x, y))"),
            _LOADERS.format("DataLoader(TensorDataset(x, y), shuffle=True)"),
            loop=_OVER.format("enumerate(loader)"),
        ),
        case(
            "refused: settings that are unpacked",
            Shuffle(),
            "data",
            _LOADERS.format("DataLoader(TensorDataset(x, y), **{})"),
            None,
            loop=_LOOP,
        ),
    ),
)
