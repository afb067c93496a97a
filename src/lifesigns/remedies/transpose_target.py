"""transpose-target: a target whose dimensions are in the order of the output's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch.nn import functional as F

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst
from lifesigns.remedies._training import KNOWN_LOSSES, loss_called
from lifesigns.remedies.testing import case

DIMS = ("exchanged_dim", "exchanged_with")
"""Details of a loss whose outputs are nearer to its targets with these dimensions exchanged."""


@dataclass(frozen=True)
class TransposeTarget(Edit):
    """Two dimensions of the target are exchanged before `loss` compares it with the output."""

    name: ClassVar[str] = "transpose-target"
    loss: str
    """A name in `torch.nn.functional`."""
    first: int
    second: int

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            given = {**dict(zip(("input", "target"), args, strict=False)), **kwargs}
            if name != self.loss or len(args) > len(("input", "target")):
                return NotImplemented
            target = given["target"].transpose(self.first, self.second)
            return getattr(F, name)(**{**given, "target": target})

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        given = argument(loss_called(script, (self.loss,)), "target", 1)
        if given is None:
            raise Refused("the loss is not called with a target")
        text, method = script.text(given.value), f".transpose({self.first}, {self.second})"
        if not text.endswith(method):
            plain = isinstance(given.value, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
            yield script.replaced(given.value, (text if plain else f"({text})") + method)


def made_for(finding: Finding, trace: Trace) -> Iterator[TransposeTarget]:
    """One, for a loss of torch's own and the dimensions that the last reading names."""
    readings = [s.loss for s in trace.snapshots if s.loss and DIMS[0] in s.loss.details]
    if readings and readings[-1].operation in KNOWN_LOSSES:
        first, second = (int(readings[-1].details[name]) for name in DIMS)
        yield TransposeTarget(readings[-1].operation, first, second)


# --- cases ----------------------------------------------------------------------------------------
_DATA = "maps = torch.rand(64, 4, 4)"
_MODEL = "model = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (4, 4)))"
_LOOP = """
distance = nn.L1Loss()
for step in range(20):
    loss = {}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
_TWICE = "F.mse_loss(model(x), maps) + F.mse_loss(model(-x), maps)"


def _case(name: str, loss: str, before: str, after: str | None) -> Any:
    edit = TransposeTarget(loss, 1, 2)
    return case(name, edit, "loop", before, after, frame=_LOOP, data=_DATA, model=_MODEL)


MANUAL = Manual(
    name=TransposeTarget.name,
    title="A target with its dimensions in the order of the output's",
    changes="The target, of which two dimensions of one length are exchanged before the loss "
    "compares it with the output.",
    unsafe="Where the output is what lies across: then what is made of it afterwards still does.",
    references=("PyTorch documentation, torch.transpose",),
    made_for=made_for,
    cases=(
        _case(
            "a function",
            "mse_loss",
            "F.mse_loss(model(x), target=1 - maps)",
            "F.mse_loss(model(x), target=(1 - maps).transpose(1, 2))",
        ),
        _case(
            "a module",
            "l1_loss",
            "distance(model(x), maps)",
            "distance(model(x), maps.transpose(1, 2))",
        ),
        _case("refused: two losses", "mse_loss", _TWICE, None),
    ),
)
