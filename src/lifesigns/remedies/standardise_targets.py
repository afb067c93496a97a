"""standardise-targets: targets of a regression with mean 0 and spread 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch.nn import functional as F

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._origin import defined
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies._training import loss_called
from lifesigns.remedies.testing import LOOP, case

REGRESSIONS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
SMALLEST = 1e-8
"""Of a spread: targets that are all alike stay where they are."""


@dataclass(frozen=True)
class StandardiseTargets(Edit):
    """Targets are shifted and scaled once, before anything is done with them."""

    name: ClassVar[str] = "standardise-targets"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_Standardising())

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = loss_called(script, REGRESSIONS)
        target = argument(call, "target", 1)
        if target is None:
            raise Refused("the loss is not called with a target")
        name, statement, is_tensor = defined(script, target.value)
        spread = f"{name}.std()" + (f".clamp_min({SMALLEST})" if is_tensor else "")
        return script.lines_after(statement, f"{name} = ({name} - {name}.mean()) / {spread}")


@dataclass
class _Standardising:
    """The losses of regression, with targets standardised by those of the first batch."""

    scale: list[Any] = field(default_factory=list)

    def __call__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = {**dict(zip(("input", "target"), args, strict=False)), **kwargs}
        if name not in REGRESSIONS or len(args) > len(("input", "target")):
            return NotImplemented
        target = given["target"]
        if not self.scale:
            self.scale += [target.mean(), target.std().clamp_min(SMALLEST)]
        mean, spread = self.scale
        return getattr(F, name)(**{**given, "target": (target - mean) / spread})


def made_for(finding: Finding, trace: Trace) -> Iterator[StandardiseTargets]:
    """One, for a regression."""
    reading = next((s.loss for s in trace.snapshots if s.loss), None)
    if reading is not None and reading.operation in REGRESSIONS:
        yield StandardiseTargets()


# --- cases ----------------------------------------------------------------------------------------
_LINE = "{0} = ({0} - {0}.mean()) / {0}.std().clamp_min(1e-08)\n"
_PRICES = "prices = 1e5 * x.sum(1, keepdim=True)  # in euros\n"
_LOADER = """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(x, prices)
loader = DataLoader(data, batch_size=16)
"""
_OVER = """
for step in range(2):
    for xb, yb in loader:
        loss = F.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_OF_NUMPY = """
from sklearn.model_selection import train_test_split
prices = x.sum(1).numpy()
prices = 1e5 * prices
{}seen, unseen = train_test_split(prices, shuffle=False)
wanted = torch.tensor(seen, dtype=torch.float32).reshape(-1, 1)
"""
_ON_PRICES = LOOP.replace("y)", "prices)")
_RATE = "optimizer = torch.optim.Adam(model.parameters())\n"
MANUAL = Manual(
    name=StandardiseTargets.name,
    title="Targets of mean 0 and spread 1",
    changes="The targets, right where they are defined, so that whatever is split off or batched "
    "afterwards has the new scale, too.",
    unsafe="Where predictions are read in the old unit: multiply by the spread and add the mean "
    "first. Errors in the old unit cannot be compared with those in the new one, shares of "
    "explained variance can.",
    references=("LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.5",),
    made_for=made_for,
    cases=(
        case(
            "a name in the loop",
            StandardiseTargets(),
            "data",
            _PRICES,
            _PRICES + _LINE.format("prices"),
            optimizer=_RATE,
            loop=_ON_PRICES,
        ),
        case(
            "through a loader and its data set",
            StandardiseTargets(),
            "data",
            _PRICES + _LOADER,
            _PRICES + _LINE.format("prices") + _LOADER,
            optimizer=_RATE,
            loop=_OVER,
        ),
        case(
            "through a conversion, before the data are split",
            StandardiseTargets(),
            "data",
            _OF_NUMPY.format(""),
            _OF_NUMPY.format("prices = (prices - prices.mean()) / prices.std()\n"),
            optimizer=_RATE,
            loop=LOOP.replace("y)", "wanted[:32])").replace("model(x)", "model(x[:32])"),
        ),
        case(
            "refused: defined together with others",
            StandardiseTargets(),
            "data",
            "prices, held_out = (1e5 * x.sum(1, keepdim=True)).split(32)\n",
            None,
            loop=_ON_PRICES,
        ),
    ),
)
