"""The loss, traced back from the root of the graph to prediction and target.

A loss is a sum of terms: the data term (torch's own or written by hand) and penalties, which are
computed from parameters alone. The walk goes down from the root through sums, means and constant
factors, keeping the factor each term is multiplied by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.condense import Condensed
from lifesigns.record.reduce import Pack, PendingSums
from lifesigns.record.walk import Walk, saved
from lifesigns.records import LossReading, Shape, TargetReading

BUILT_IN = {
    "NllLoss": "cross_entropy",
    "NllLoss2D": "cross_entropy",
    "MseLoss": "squared_error",
    "L1Loss": "absolute_error",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy",
    "HuberLoss": "huber",
    "SmoothL1Loss": "huber",
}
"""torch's own losses and the kind each is."""

OPERATIONS = {
    "NllLoss": "nll_loss",
    "NllLoss2D": "nll_loss",
    "MseLoss": "mse_loss",
    "L1Loss": "l1_loss",
    "BinaryCrossEntropy": "binary_cross_entropy",
    "BinaryCrossEntropyWithLogits": "binary_cross_entropy_with_logits",
    "HuberLoss": "huber_loss",
    "SmoothL1Loss": "smooth_l1_loss",
}

PASSING = frozenset({"View", "Reshape", "ReshapeAlias", "UnsafeView", "Squeeze", "Unsqueeze",
                     "Clone", "ToCopy", "Alias", "T", "Transpose", "Permute", "Stack", "Cat",
                     "Expand"})  # fmt: skip
_MEAN, _SUM = 1, 2
_MOST_CLASSES = 4096


@dataclass(frozen=True)
class Term:
    """One summand of the loss."""

    node: int
    factor: float
    """What every element of the term is multiplied by."""
    form: str
    """`built_in`, `squared`, `absolute`, `log`, `picked` (log-probabilities by class), `other`."""


@dataclass
class PendingLoss:
    """A loss whose sums are still on the device."""

    reading: dict[str, Any]
    fit: int | None = None
    fit_factor: float = 1.0
    prediction: PendingSums | None = None
    target: PendingSums | None = None
    target_shape: Shape = ()
    is_index: bool = False
    class_counts: int | None = None
    row_sums: tuple[int, int] | None = None
    fractions: int | None = None
    moments: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def of(self, arrays: list[NDArray[np.float64]]) -> LossReading:
        """The reading, once the pack has been fetched."""
        fit = float("nan") if self.fit is None else self.fit_factor * float(arrays[self.fit][0])
        return LossReading(
            **self.reading,
            fit=self.reading["value"] if self.extra.get("whole") else fit,
            prediction=None if self.prediction is None else self.prediction.of(arrays),
            target=self._target(arrays),
            correlation=self._correlation(arrays),
        )

    def _target(self, arrays: list[NDArray[np.float64]]) -> TargetReading | None:
        if self.target is None:
            return None
        sums = self.target.of(arrays)
        counts = None
        if self.class_counts is not None:
            counts = arrays[self.class_counts].astype(np.int64)
        elif self.row_sums is not None:
            low, high = (arrays[s][0] for s in self.row_sums)
            binary = self._integer(arrays) and sums.minimum.min() >= 0 and sums.maximum.max() <= 1
            counts = sums.total.astype(np.int64) if binary and low == high == 1 else None
        return TargetReading(self.target_shape, self.is_index, sums, self._integer(arrays), counts)

    def _integer(self, arrays: list[NDArray[np.float64]]) -> bool:
        return self.is_index or (self.fractions is not None and arrays[self.fractions][0] == 0)

    def _correlation(self, arrays: list[NDArray[np.float64]]) -> float:
        if self.moments is None:
            return float("nan")
        covariance, spread_p, spread_t = arrays[self.moments].reshape(3, -1)
        product = np.sqrt(spread_p * spread_t)
        known = product > 0
        return float(np.mean(covariance[known] / product[known])) if known.any() else float("nan")


def read_loss(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    value: float,
    prediction: Tensor | None,
) -> PendingLoss:
    """Recognises the loss of a walked graph and reduces its prediction and target.

    Args:
        pack: Where the reduced tensors wait for the copy.
        walked: The graph, with the loss at its roots.
        condensed: Its sites.
        value: The loss, scaling undone.
        prediction: The root module's output, needed where the loss keeps only the residual.
    """
    terms = [
        t for root in walked.roots for t in _terms(walked, condensed, root, undone(walked, root))
    ]
    data = [t for t in terms if t.form == "built_in"] or terms
    if not data or any(t.form == "other" for t in data):
        return _unrecognised(pack, walked, value, prediction)
    term, penalised = data[0], len(terms) > len(data) or _has_penalty(walked, condensed)
    read = _built_in if term.form == "built_in" else _handwritten
    pending = read(pack, walked, data, value, prediction)
    if pending is None:
        return _unrecognised(pack, walked, value, prediction)
    pending.reading["site"] = condensed.site_of_node.get(term.node, -1)
    pending.extra["whole"] = not penalised
    return pending


def undone(walked: Walk, root: int) -> float:
    """1 / the constant factor at the root: gradient scaling, or accumulation over micro-batches.

    A factor right above a plain sum belongs to the loss (a hand-written mean) and is kept.
    """
    return 1.0 / root_factor(walked.nodes[root])


def root_factor(node: Any) -> float:
    """The factor between the loss passed to `backward` and the loss it was scaled from."""
    name = node.name()
    if not name.startswith(("MulBackward", "DivBackward")):
        return 1.0
    below = next((n for n, _ in node.next_functions if n is not None), None)
    others = [n for n, _ in node.next_functions[1:] if n is not None]
    factor = _constant(node)
    if below is None or others or factor in (None, 0.0):
        return 1.0
    if below.name().startswith(("SumBackward", "NegBackward")):
        return 1.0
    return float(factor) if name.startswith("Mul") else 1.0 / float(factor)


def _constant(node: Any) -> float | None:
    """The number a Mul or Div node multiplies or divides by; None if it is not a number."""
    for attribute in ("other", "self"):
        value = saved(node, attribute)
        if isinstance(value, Tensor) and value.numel() == 1 and not value.requires_grad:
            return float(value)
        if isinstance(value, int | float):
            return float(value)
    return None


def _terms(walked: Walk, condensed: Condensed, index: int, factor: float) -> Iterator[Term]:
    """The terms below a node, depth first, left to right."""
    stack = [(index, factor)]
    while stack:
        i, c = stack.pop()
        if i < 0 or i in condensed.weight_like:
            continue
        below = _through(walked, i, c)
        if below is None:
            yield Term(i, c, _form(walked, i))
        else:
            stack.extend(reversed(below))


def _through(walked: Walk, i: int, c: float) -> list[tuple[int, float]] | None:
    """What a sum, mean or constant factor is made of; None if the node is a term itself."""
    name, inputs = walked.names[i], walked.inputs[i]
    present = [j for j in inputs if j is not None]
    if name in PASSING or name in ("Add", "Sum"):
        return [(j, c) for j in present]
    if name == "Mean":
        below = _numel(walked.shape(present[0])) if present and present[0] >= 0 else 0
        return [(j, c * _numel(walked.shape(i)) / max(below, 1)) for j in present]
    if name == "Neg":
        return [(j, -c) for j in present]
    if name in ("Sub", "Rsub") and not _is_residual(walked, i):
        signs = (1, -1) if name == "Sub" else (-1, 1)
        return [(j, c * s) for j, s in zip(inputs, signs, strict=False) if j is not None]
    if name in ("Mul", "Div") and len(present) == 1:
        number = _constant(walked.nodes[i])
        if number is not None and (name == "Mul" or inputs[0] is not None):
            return [(present[0], c * number if name == "Mul" else c / (number or 1.0))]
    return None


def _is_residual(walked: Walk, i: int) -> bool:
    """A difference between a value and a constant is a residual or an offset, not two terms."""
    return None in walked.inputs[i] and walked.shape(i) == ()


def _form(walked: Walk, i: int) -> str:
    name, inputs = walked.names[i], walked.inputs[i]
    below = next((walked.names[j] for j in inputs if j is not None and j >= 0), "")
    if name in BUILT_IN:
        return "built_in"
    if name == "Pow" and saved(walked.nodes[i], "exponent") == 2 and _residual(walked, i):
        return "squared"
    if name == "Mul" and len(inputs) == 2 and inputs[0] == inputs[1] and _residual(walked, i):
        return "squared"
    if name == "Abs" and _residual(walked, i):
        return "absolute"
    if name == "Mul" and None in inputs and below in ("Log", "LogSoftmax", "Add", "Log2"):
        return "log" if below != "Add" else "other"
    if name in ("Log", "LogSoftmax", "Index", "Gather") and _picked(walked, i) is not None:
        return "picked"
    return "other"


def _residual(walked: Walk, i: int) -> int | None:
    """The `prediction - target` node below a square or an absolute value."""
    below = next((j for j in walked.inputs[i] if j is not None and j >= 0), None)
    while below is not None and walked.names[below] in PASSING:
        below = next((j for j in walked.inputs[below] if j is not None and j >= 0), None)
    return below if below is not None and walked.names[below] in ("Sub", "Rsub") else None


def _picked(walked: Walk, i: int) -> int | None:
    """The LogSoftmax below a gather or an index that picks each sample's class."""
    if walked.names[i] not in ("Index", "Gather"):
        return None
    below = walked.inputs[i][0]
    found = below is not None and below >= 0 and walked.names[below] == "LogSoftmax"
    return below if found else None


def _built_in(
    pack: Pack, walked: Walk, terms: list[Term], value: float, prediction: Tensor | None
) -> PendingLoss | None:
    term = terms[0]
    node, name = walked.nodes[term.node], walked.names[term.node]
    given, target = saved(node, "self"), saved(node, "target")
    if given is None or target is None:
        return None
    reduction = int(getattr(node, "_saved_reduction", _MEAN))
    observations = target.numel()
    compared = tuple(given.shape)
    before = _before_expand(walked, term.node)
    pending = PendingLoss(
        {
            "value": value,
            "kind": BUILT_IN[name],
            "operation": OPERATIONS[name],
            "scale": term.factor if reduction == _MEAN else term.factor * observations,
            "input_shape": before,
            "target_shape": _unexpanded(target),
            "compared_shape": compared if before != compared else before,
            "ignored_all": _all_ignored(node),
        },
        fit_factor=term.factor,
    )
    pending.fit = pack.add(_recompute(name, node, given, target, reduction))
    _compare(pack, pending, given, target, is_index=name.startswith("Nll"), node=node)
    return pending


def _recompute(name: str, node: Any, given: Tensor, target: Tensor, reduction: int) -> Tensor:
    word = {_MEAN: "mean", _SUM: "sum"}.get(reduction, "sum")
    given, target = given.detach(), target.detach()
    if name.startswith("Nll"):
        ignored = int(np.int64(np.uint64(node._saved_ignore_index)))
        return F.nll_loss(
            given, target, saved(node, "weight"), ignore_index=ignored, reduction=word
        )
    if name == "HuberLoss":
        return F.huber_loss(given, target, delta=node._saved_delta, reduction=word)
    if name == "SmoothL1Loss":
        return F.smooth_l1_loss(given, target, beta=node._saved_beta, reduction=word)
    if name == "BinaryCrossEntropy":
        return F.binary_cross_entropy(given, target, saved(node, "weight"), reduction=word)
    if name == "BinaryCrossEntropyWithLogits":
        return F.binary_cross_entropy_with_logits(
            given,
            target,
            saved(node, "weight"),
            reduction=word,
            pos_weight=saved(node, "pos_weight"),
        )
    function = F.mse_loss if name == "MseLoss" else F.l1_loss
    return function(given, target, reduction=word)


def _handwritten(
    pack: Pack, walked: Walk, terms: list[Term], value: float, prediction: Tensor | None
) -> PendingLoss | None:
    form = terms[0].form
    if form in ("squared", "absolute"):
        return _from_residual(pack, walked, terms[0], value, prediction)
    if form == "log":
        return _from_logs(pack, walked, [t for t in terms if t.form == "log"], value)
    return None


def _from_residual(
    pack: Pack, walked: Walk, term: Term, value: float, prediction: Tensor | None
) -> PendingLoss | None:
    squared = term.form == "squared"
    node, difference = walked.nodes[term.node], _residual(walked, term.node)
    residual = saved(node, "self")
    if residual is None or difference is None:
        return None
    residual = residual.detach()
    compared = tuple(residual.shape)
    size = residual.square() if squared else residual.abs()
    given = prediction.detach() if prediction is not None else None
    before = _operand_shape(walked, difference)
    pending = PendingLoss(
        {
            "value": value,
            "kind": "squared_error" if squared else "absolute_error",
            "operation": "pow" if squared else "abs",
            "handwritten": True,
            "scale": term.factor * residual.numel(),
            "input_shape": before,
            "compared_shape": compared,
            "target_shape": compared if before == compared else (),
        },
        fit=pack.add(size.sum(dtype=torch.float64 if size.device.type == "cpu" else None)),
        fit_factor=term.factor,
    )
    if given is None or given.numel() != _numel(before) or given.is_complex():
        return pending
    positive = walked.inputs[difference][0] is not None
    if walked.names[difference] == "Rsub":
        positive = not positive
    aligned = given.reshape(before)
    target = aligned - residual if positive else aligned + residual
    if target.shape != aligned.shape:
        pending.reading["target_shape"] = _unbroadcast(target, before)
        target = _one_row(target)
    _compare(pack, pending, aligned, target, is_index=False)
    return pending


def _from_logs(pack: Pack, walked: Walk, terms: list[Term], value: float) -> PendingLoss | None:
    """`-Σ t·log p`, and `-Σ t·log p + (1 - t)·log(1 - p)`."""
    parts = []
    for term in terms:
        logs = next(j for j in walked.inputs[term.node] if j is not None)
        target = saved(walked.nodes[term.node], "self")
        target = saved(walked.nodes[term.node], "other") if target is None else target
        p, log_p = _log_value(walked, logs)
        if not isinstance(target, Tensor) or p is None or log_p is None:
            return None
        term, target = _unsigned(term, target.detach())
        parts.append((term, target, p, log_p, _is_complement(walked, logs)))
    term, target, p, log_p, _ = next((x for x in parts if not x[4]), parts[0])
    binary = len(parts) > 1 and any(x[4] for x in parts)
    observations = p.numel() if binary or p.dim() < 2 else p.numel() // p.shape[-1]
    totals = [(t * lp).sum() * (x.factor / term.factor) for x, t, _, lp, _ in parts]
    before = tuple(p.shape)
    compared = tuple(np.broadcast_shapes(p.shape, target.shape))
    pending = PendingLoss(
        {
            "value": value,
            "kind": "binary_cross_entropy" if binary else "cross_entropy",
            "operation": "log_softmax" if walked.names[logs] == "LogSoftmax" else "log",
            "handwritten": True,
            "scale": -term.factor * observations,
            "input_shape": before,
            "compared_shape": compared,
            "target_shape": _unexpanded(target),
        },
        fit=pack.add(torch.stack(totals).sum()),
        fit_factor=term.factor,
    )
    _compare(pack, pending, p, target, is_index=False)
    return pending


def _unsigned(term: Term, target: Tensor) -> tuple[Term, Tensor]:
    """`-y·log p` is y times `-log p`, wherever the minus was written."""
    if term.factor > 0 and bool((target <= 0).all()):
        return replace(term, factor=-term.factor), -target
    return term, target


def _log_value(walked: Walk, i: int) -> tuple[Tensor | None, Tensor | None]:
    node = walked.nodes[i]
    if walked.names[i] == "LogSoftmax":
        log_p = saved(node, "result")
        return log_p, log_p
    p = saved(node, "self")
    return (None, None) if p is None else (p.detach(), p.detach().log())


def _is_complement(walked: Walk, i: int) -> bool:
    """Whether a logarithm is of `1 - p`."""
    below = next((j for j in walked.inputs[i] if j is not None and j >= 0), None)
    if below is None:
        return False
    name, inputs = walked.names[below], walked.inputs[below]
    return name == "Rsub" or (name == "Sub" and inputs[0] is None)


def _unrecognised(pack: Pack, walked: Walk, value: float, prediction: Tensor | None) -> PendingLoss:
    operation = walked.names[walked.roots[0]].lower() if walked.roots else ""
    pending = PendingLoss({"value": value, "operation": operation})
    if prediction is not None and prediction.is_floating_point():
        pending.reading["input_shape"] = tuple(prediction.shape)
        pending.reading["compared_shape"] = tuple(prediction.shape)
        pending.prediction = pack.sums(prediction, -1)
    return pending


def _compare(
    pack: Pack,
    pending: PendingLoss,
    given: Tensor,
    target: Tensor,
    *,
    is_index: bool,
    node: Any = None,
) -> None:
    """Sums of prediction and target, class counts, and their correlation."""
    unit_dim = 1 if is_index and given.dim() > 2 else -1
    given, target = given.detach(), target.detach()
    pending.prediction = pack.sums(given, unit_dim)
    pending.is_index = is_index
    pending.target_shape = _unexpanded(target)
    if is_index:
        classes = given.shape[1] if given.dim() > 1 else int(given.shape[0])
        _index_target(pack, pending, given, target.reshape(-1), classes, node)
        return
    values = target.float() if not target.is_floating_point() else target
    pending.target = pack.sums(values, -1)
    pending.fractions = pack.add(torch.count_nonzero(values - values.round()))
    if values.dim() > 1 and values.shape[-1] > 1:
        rows = values.reshape(-1, values.shape[-1]).sum(-1)
        pending.row_sums = (pack.add(rows.amin()), pack.add(rows.amax()))
    if values.shape == given.shape:
        _correlate(pack, pending, given, values)


def _index_target(
    pack: Pack, pending: PendingLoss, given: Tensor, labels: Tensor, classes: int, node: Any
) -> None:
    valid = (labels >= 0) & (labels < classes)
    kept = torch.where(valid, labels, torch.full_like(labels, classes))
    pending.target = pack.sums(labels[valid] if labels.device.type == "cpu" else labels, -1)
    if classes > _MOST_CLASSES:
        return
    pending.class_counts = pack.add(torch.bincount(kept, minlength=classes + 1)[:classes])
    if given.dim() == 2:
        one_hot = F.one_hot(kept, classes + 1)[:, :classes].to(given.dtype)
        _correlate(pack, pending, given.exp(), one_hot)


def _correlate(pack: Pack, pending: PendingLoss, given: Tensor, target: Tensor) -> None:
    units = given.shape[-1] if given.dim() > 1 else 1
    wide = torch.float64 if given.device.type == "cpu" else torch.float32
    p, t = given.reshape(-1, units).to(wide), target.reshape(-1, units).to(wide)
    p, t = p - p.mean(0), t - t.mean(0)
    moments = torch.stack([(p * t).sum(0), p.square().sum(0), t.square().sum(0)])
    pending.moments = pack.add(moments)


def _before_expand(walked: Walk, i: int) -> Shape:
    """Shape of the value a loss node was given, before `broadcast_tensors` expanded it."""
    below = walked.inputs[i][0]
    if below is not None and below >= 0 and walked.names[below] == "Expand":
        return tuple(int(n) for n in walked.nodes[below]._saved_self_sym_sizes)
    given = saved(walked.nodes[i], "self")
    return tuple(given.shape) if given is not None else ()


def _operand_shape(walked: Walk, difference: int) -> Shape:
    """Shape of the prediction a residual was computed from."""
    shapes = [walked.shape(j) for j in walked.inputs[difference] if j is not None and j >= 0]
    return shapes[0] if shapes else walked.shape(difference)


def _unexpanded(tensor: Tensor) -> Shape:
    """Shape before expansion: expanded dimensions have stride 0."""
    return tuple(
        1 if stride == 0 and n > 1 else n
        for n, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )


def _unbroadcast(target: Tensor, given: Shape) -> Shape:
    """Shape the target must have had: it does not vary along the dimension the prediction fills."""
    return (1, *target.shape[1:]) if target.dim() == 2 and given[-1] == 1 else tuple(target.shape)


def _one_row(target: Tensor) -> Tensor:
    """The targets of an (N, N) comparison, once each."""
    return target[0].reshape(-1, 1) if target.dim() >= 2 else target


def _all_ignored(node: Any) -> bool:
    total = saved(node, "total_weight")
    return isinstance(total, Tensor) and total.numel() == 1 and float(total) == 0.0


def _has_penalty(walked: Walk, condensed: Condensed) -> bool:
    """Whether something computed from parameters alone is added to the loss."""
    for i in range(len(walked)):
        added = walked.names[i] in ("Add", "Sub") and walked.shape(i) == ()
        if added and any(j in condensed.weight_like for j in walked.inputs[i]):
            return True
    return False


def _numel(shape: Shape) -> int:
    return int(np.prod(shape)) if shape else 1
