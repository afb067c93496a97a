"""drop-less: a dropout that leaves most of its input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from lifesigns.records import Finding, Kind, Site, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_again
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument
from lifesigns.remedies.testing import case

FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
MODULES = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
UNTOLD = 0.5
"""Share that is dropped where the graph does not tell it: torch's own."""
USUAL = 0.2
"""Share that is dropped: small enough for any layer (Srivastava et al. 2014, section A.4)."""


@dataclass(frozen=True)
class DropLess(Edit):
    """No dropout drops more than this share."""

    name: ClassVar[str] = "drop-less"
    most: float = USUAL

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if name not in FUNCTIONS:
                return NotImplemented
            share = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
            rest = {key: value for key, value in kwargs.items() if key not in ("p", "input")}
            given = args[0] if args else kwargs["input"]
            return call_again(name, given, min(share, self.most), *args[2:], **rest)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        built = script.calls_to(*(f"torch.nn.{name}" for name in MODULES))
        called = script.calls_to(*(f"torch.nn.functional.{name}" for name in FUNCTIONS))
        if not built and not called:
            raise Refused("no dropout was found in the source")
        for call, position in [*((c, 0) for c in built), *((c, 1) for c in called)]:
            given = argument(call, "p", position)
            if given is None:
                yield from script.keyword(call, "p", f"{self.most:g}", position)
            else:
                yield script.replaced(given.value, self._less(script.text(given.value)))

    def _less(self, share: str) -> str:
        """The share as code, bounded; itself if it is small enough already."""
        most = f"{self.most:g}"
        try:
            return share if float(share) <= self.most else most
        except ValueError:  # no number, but a name
            return share if share.startswith("min(") else f"min({share}, {most})"


def made_for(finding: Finding, trace: Trace) -> Iterator[DropLess]:
    """One, if anything drops more than that."""
    if dropped(trace) > USUAL:
        yield DropLess()


def dropped(trace: Trace) -> float:
    """The largest share that a dropout of a run drops; 0 without any.

    Args:
        trace: Of the run.
    """
    sites = trace.snapshots[0].graph.sites if trace.snapshots else ()
    return max((_share(site) for site in sites), default=0.0)


def _share(site: Site) -> float:
    if site.kind is Kind.DROPOUT:
        return float(site.details.get("p", UNTOLD))
    return 1.0 if site.details.get("factor") == 0 else 0.0  # a dropout of 1 multiplies by zeros


# --- cases ----------------------------------------------------------------------------------------
_MODEL = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), {}, nn.Linear(8, 1))"
_LOOP = """
for step in range(20):
    kept = F.dropout(x, 0.1)
    loss = F.mse_loss(model(F.dropout(kept, {})), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
MANUAL = Manual(
    name=DropLess.name,
    title="A dropout that leaves most of its input",
    changes="The share that each dropout drops; those that drop less stay as they are.",
    unsafe="Where a network overfits without it: judge by held-out data.",
    references=("Srivastava et al. 2014, Dropout, section A.4",),
    made_for=made_for,
    cases=(
        case(
            "a number",
            DropLess(),
            "model",
            _MODEL.format("nn.Dropout(0.9)"),
            _MODEL.format("nn.Dropout(0.2)"),
        ),
        case(
            "a name, by its keyword",
            DropLess(),
            "model",
            "share = 0.9\n" + _MODEL.format("nn.Dropout(p=share)"),
            "share = 0.9\n" + _MODEL.format("nn.Dropout(p=min(share, 0.2))"),
        ),
        case(
            "torch's own default",
            DropLess(),
            "model",
            _MODEL.format("nn.Dropout()"),
            _MODEL.format("nn.Dropout(p=0.2)"),
        ),
        case(
            "the call of a function, beside one that drops little",
            DropLess(),
            "loop",
            _LOOP.format("0.9"),
            _LOOP.format("0.2"),
        ),
        case("refused: no dropout", DropLess(), "model", _MODEL.format("nn.Identity()"), None),
    ),
)
