"""invert-weights: the rarer a class is, the more it weighs in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering, call_with
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, argument, cst, one
from lifesigns.remedies._training import loss_named
from lifesigns.remedies.testing import loss_case

BINARY = "binary_cross_entropy_with_logits"
GIVEN = {"cross_entropy": ("weight", 2), "nll_loss": ("weight", 2), BINARY: ("pos_weight", 6)}
"""By the loss: what holds its weights, and its position among the function's arguments."""
BUILT = 2
"""The module of a loss is not given output and target: all comes so many positions earlier."""
INVERSE = "1 / "


@dataclass(frozen=True)
class InvertWeights(Edit):
    """What a loss multiplies each class by becomes its inverse."""

    name: ClassVar[str] = "invert-weights"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        def answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            keyword, position = GIVEN.get(name, ("", 0))
            weights = args[position] if len(args) > position else kwargs.get(keyword)
            if not keyword or not isinstance(weights, Tensor):
                return NotImplemented
            return call_with(_inverse(name, weights), keyword, position, name, args, kwargs)

        return Answering(answer)

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        found = [
            (call, w)
            for name in GIVEN
            for call in loss_named(script, name)
            if (w := _weights(script, call, name)) is not None
        ]
        weights = dict(found)
        call = one(list(weights), "weights of classes in a loss", script)
        given = weights[call]
        if argument(call, "pos_weight") is None and not _is_mean(script, call):
            raise Refused(f"line {script.line(call)} is no mean: there the size of weights counts")
        text = script.text(given)
        if not text.startswith(INVERSE):
            plain = isinstance(given, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
            yield script.replaced(given, INVERSE + (text if plain else f"({text})"))


def _inverse(name: str, weights: Tensor) -> Tensor:
    """Those of classes are of the same mean as before; that of positives is its inverse."""
    inverse = 1 / weights
    return inverse if name == BINARY else inverse * (weights.mean() / inverse.mean())


def _weights(script: Script, call: cst.Call, name: str) -> cst.BaseExpression | None:
    keyword, position = GIVEN[name]
    is_function = script.name(call).startswith("torch.nn.functional.")
    given = argument(call, keyword, position if is_function else position - BUILT)
    return None if given is None or script.text(given.value) == "None" else given.value


def _is_mean(script: Script, call: cst.Call) -> bool:
    """Whether the loss is a weighted mean, which does not change with the size of all weights."""
    reduction = argument(call, "reduction")
    return reduction is None or script.text(reduction.value).strip("\"'") == "mean"


def made_for(finding: Finding, trace: Trace) -> Iterator[InvertWeights]:
    """One, where no class is left out by a weight of 0."""
    targets = [shot.loss.target for shot in trace.snapshots if shot.loss is not None]
    known = [t.class_weights for t in targets if t is not None and t.class_weights is not None]
    if all((weights > 0).all() for weights in known):
        yield InvertWeights()


# --- cases ----------------------------------------------------------------------------------------
_CLASSES = """
label = (y.flatten() > 0.9).long()
often = torch.bincount(label, minlength=2) / len(label)
{}"""
_MODEL = "model = nn.Linear(4, 2)"


def _case(name: str, criterion: str, loss: str, before: str, after: str | None) -> Any:
    return loss_case(name, InvertWeights(), _MODEL, _CLASSES, criterion, loss, before, after)


_BUILT = "criterion = nn.CrossEntropyLoss({})\n"
_CALL = "F.cross_entropy(model(x), label, {})"
_BINARY = "F.binary_cross_entropy_with_logits(model(x)[:, 0], label.float(), {})"
MANUAL = Manual(
    name=InvertWeights.name,
    title="Rare classes weigh more",
    changes="The weights of the classes in a loss, or the weight of the positive ones: their "
    "inverse.",
    unsafe="Where a frequent class weighs more because its mistakes cost more. Scores that count "
    "each sample alike, as the accuracy, may get worse: rare classes are predicted more often.",
    references=("King & Zeng 2001, Logistic Regression in Rare Events Data",),
    made_for=made_for,
    cases=(
        _case(
            "a module of a loss",
            _BUILT,
            "criterion(model(x), label)",
            "weight=often",
            "weight=1 / often",
        ),
        _case(
            "a function, by position",
            "",
            _CALL,
            "often / often.sum(), reduction='mean'",
            "1 / (often / often.sum()), reduction='mean'",
        ),
        _case("positives", "", _BINARY, "pos_weight=often[1]", "pos_weight=1 / often[1]"),
        _case("refused: no weights", "", _CALL, "reduction='mean'", None),
        _case("refused: a sum", "", _CALL, "weight=often, reduction='sum'", None),
    ),
)
