"""What a loss compares, as sums that are still on the device: prediction, target, correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.loss.classes import compared_classes, sums_of_classes
from lifesigns.record.loss.contrast import PendingContrast
from lifesigns.record.loss.few import PendingFew, sums_of_few
from lifesigns.record.loss.filled_targets import filled_targets
from lifesigns.record.measure.reduce import Pack, PendingSums
from lifesigns.records import LossReading, Shape, TargetReading

UNKNOWN = float("nan")
MOST_CLASSES = 4096
_IMAGE, _FEWEST, _MOST_PLACES = 4, 8, 1024
_OF_MEDIANS = frozenset({"absolute_error", "huber"})
_OF_SIZES = _OF_MEDIANS | {"squared_error"}
_SMALL_TABLE = 4096
"""Numbers of a table of samples and classes that is kept until somebody asks."""
_QUANTILES = 32
_MOST_SORTED = 65_536
"""Targets that are put in order; of more, evenly spaced rows."""


class PendingMarks(Protocol):
    """Details of a loss whose numbers are still on the device."""

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """The details, once the pack has been fetched.

        Args:
            arrays: What the pack brought to the host, by slot.
        """


@dataclass
class PendingLoss:
    """A loss whose sums are still on the device."""

    reading: LossReading
    """What is known without the sums."""
    value: float | None = None
    """The loss, where the reading is that of an earlier step."""
    fit: int | None = None
    recompute: Callable[[], Tensor] | None = None
    """Gives what `fit` brings to the host, for losses of which that is seldom wanted."""
    fit_factor: float = 1.0
    prediction: PendingSums | None = None
    target: PendingSums | None = None
    target_shape: Shape = ()
    is_index: bool = False
    class_counts: int | None = None
    class_table: tuple[int, int] | None = None
    """What was predicted of each class, and the classes; compared when somebody asks."""
    row_sums: tuple[int, int] | None = None
    empty_rows: int | None = None
    """How many rows of targets sum to 0."""
    fractions: int | None = None
    moments: int | None = None
    entropy: int | None = None
    quantiles: int | None = None
    class_weights: int | None = None
    places: tuple[PendingSums | None, PendingSums | None] = (None, None)
    """Prediction and target at each place of an image."""
    left_out: PendingSums | PendingFew | None = None
    """Targets that do not count."""
    contrast: PendingContrast | None = None
    """Of a loss of pairs."""
    otherwise: PendingLoss | None = None
    """What it is if its values show that it is no contrast."""
    count: int | None = None
    """How many observations there are, where that is not known without a wait: `reading.scale` is
    to be multiplied by it."""
    total_weight: int | None = None
    """What the targets weigh together, where 0 is not known without a wait."""
    smoothing: float = 0.0
    """What label smoothing adds to the scale."""
    marks: list[PendingMarks] = field(default_factory=list)
    """Details that the values tell."""
    partial: bool = False
    """Whether there are more data terms than were read."""
    terms: list[int] = field(default_factory=list)
    """Nodes of the terms that were read."""
    others: list[PendingLoss] = field(default_factory=list)
    """The further data terms."""
    whole: bool = False
    """Whether the data term is all there is, so that its value is the loss's."""

    def mark(self, marks: PendingMarks | None) -> None:
        """There are details that the values tell.

        Args:
            marks: None where there are none.
        """
        if marks is not None:
            self.marks.append(marks)

    def fetch_fit(self, pack: Pack) -> None:
        """The data term's own value is wanted.

        Args:
            pack: Where it waits for the copy.
        """
        if self.recompute is not None:
            self.fit = pack.add(self.recompute())

    def let_go(self) -> None:
        """The pass is over: what could give the value again holds tensors of the run."""
        self.recompute = None
        for other in self.others:
            other.let_go()

    def of(self, arrays: list[NDArray[np.float64]]) -> LossReading:
        """The reading, once the pack has been fetched.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        contrast = self.contrast
        if self.otherwise and contrast and not contrast.is_one(arrays):
            return self.otherwise.of(arrays)
        value = self.reading.value if self.value is None else self.value
        fit = UNKNOWN if self.fit is None else self.fit_factor * float(arrays[self.fit][0])
        others = [other.of(arrays) for other in self.others]
        counts, moments = self._of_classes(arrays)
        scale = self.reading.scale * (1 if self.count is None else float(arrays[self.count][0]))
        scale += self.smoothing
        weight = None if self.total_weight is None else float(arrays[self.total_weight][0])
        return replace(
            self.reading,
            value=value,
            details=self._details(arrays, scale),
            scale=scale,
            ignored_all=self.reading.ignored_all or weight == 0.0,
            constant=self.reading.constant if contrast is None else contrast.constant(arrays),
            target_shape=self.target_shape,
            fit=value if self.whole else fit,
            prediction=None if self.prediction is None else self.prediction.of(arrays),
            target=self._target(arrays, counts),
            correlation=_correlation(moments),
            places=None if self.places[0] is None else self.places[0].of(arrays),
            others=tuple(replace(other, value=other.fit) for other in others),
        )

    def _details(self, arrays: list[NDArray[np.float64]], scale: float) -> dict[str, float]:
        details = dict(self.reading.details)
        if self.smoothing and self.class_weights is None:
            details["smoothing"] = self.smoothing / scale
        if self.contrast is not None:
            details.update(self.contrast.of(arrays))
        if self.empty_rows is not None and (count := float(arrays[self.empty_rows][0])):
            details["empty_rows"] = count
        for marks in self.marks:
            details.update(marks.of(arrays))
        return details

    def _of_classes(
        self, arrays: list[NDArray[np.float64]]
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None]:
        """How often each class occurs, and the moments that the correlation is made of."""
        if self.class_table is not None:
            table, labels = (arrays[slot] for slot in self.class_table)
            with np.errstate(all="ignore"):  # they may not be finite
                rows = table.reshape(len(labels), -1)
                return compared_classes(rows, labels.astype(np.int64))
        counts = None if self.class_counts is None else arrays[self.class_counts].astype(np.int64)
        return counts, None if self.moments is None else arrays[self.moments]

    def _target(
        self, arrays: list[NDArray[np.float64]], counts: NDArray[np.int64] | None
    ) -> TargetReading | None:
        if self.target is not None:
            sums = self.target.of(arrays)
        elif counts is not None and counts.any():
            sums = sums_of_classes(counts)
        else:
            return None
        if counts is None and self.row_sums is not None:
            low, high = (arrays[s][0] for s in self.row_sums)
            binary = self._integer(arrays) and sums.minimum.min() >= 0 and sums.maximum.max() <= 1
            counts = sums.total.astype(np.int64) if binary and low == high == 1 else None
        return TargetReading(
            self.target_shape,
            self.is_index,
            sums,
            self._integer(arrays),
            counts,
            class_weights=None if self.class_weights is None else arrays[self.class_weights],
            entropy=UNKNOWN if self.entropy is None else float(arrays[self.entropy][0]),
            quantiles=self._quantiles(arrays),
            places=None if self.places[1] is None else self.places[1].of(arrays),
            left_out=None if self.left_out is None else self.left_out.of(arrays),
        )

    def _quantiles(self, arrays: list[NDArray[np.float64]]) -> NDArray[np.float64] | None:
        if self.quantiles is None or self.target is None:
            return None
        return arrays[self.quantiles].reshape(-1, self.target.units)

    def _integer(self, arrays: list[NDArray[np.float64]]) -> bool:
        return self.is_index or (self.fractions is not None and arrays[self.fractions][0] == 0)


def _correlation(moments: NDArray[np.float64] | None) -> float:
    """Of prediction and target, as a mean over the units: covariance, and both squares."""
    if moments is None:
        return UNKNOWN
    covariance, squares_p, squares_t = moments.reshape(3, -1)
    product = np.sqrt(squares_p * squares_t)
    known = product > 0
    if not known.all():
        covariance, product = covariance[known], product[known]
    return float((covariance / product).sum() / len(product)) if len(product) else UNKNOWN


def compare(
    pack: Pack,
    pending: PendingLoss,
    given: Tensor,
    target: Tensor,
    *,
    is_index: bool = False,
    probabilities: Tensor | None = None,
) -> None:
    """Sums of prediction and target, class counts, and their correlation.

    Args:
        pack: Where the sums wait.
        pending: What they are added to.
        given: What the loss received.
        target: What it compared that with: of the same shape, or one class index per sample.
        is_index: Targets are class indices; those outside the classes are ignored.
        probabilities: What correlates with the target, if that is not `given` itself.
    """
    given, target = given.detach(), target.detach()
    likely = given if probabilities is None else probabilities.detach()
    pending.prediction = pack.sums(given, 1 if is_index and given.dim() > 2 else -1)
    pending.is_index, pending.target_shape = is_index, unexpanded(target)
    if is_index:
        labels = target.reshape(-1)
        if likely.is_cpu and likely.dim() == 2 and likely.shape[1] <= MOST_CLASSES:
            table = wide(likely).resolve_neg().numpy()
            compare_classes_on_cpu(pack, pending, table, labels.numpy())
        else:
            _compare_classes(pack, pending, likely, labels)
        return
    values = target if target.is_floating_point() else target.float()
    pending.target = pack.sums(values, -1)
    pending.fractions = pack.add(torch.count_nonzero(values - values.round()))
    if values.dim() > 1 and values.shape[-1] > 1 and values.numel():
        rows = values.reshape(-1, values.shape[-1]).sum(-1)
        pending.row_sums = (pack.add(rows.amin()), pack.add(rows.amax()))
        if pending.reading.kind == "cross_entropy":
            pending.empty_rows = pack.add((rows == 0).sum())
    if pending.reading.kind in _OF_MEDIANS and values.numel():
        pending.quantiles = pack.add(_quantiles(values))
    if pending.reading.kind in _OF_SIZES:
        pending.mark(filled_targets(pack, given, values))
    if values.shape == likely.shape:
        if is_image(values):
            pending.places = (pack.sums(_places(given), -1), pack.sums(_places(values), -1))
        _correlate(pack, pending, likely, values)


def leave_out(pack: Pack, pending: PendingLoss, target: Tensor, ignored: Tensor) -> bool:
    """Sums of the targets that do not count, if there are any.

    Args:
        pack: Where the sums wait.
        pending: What they are added to.
        target: All targets.
        ignored: Which of them do not count, of the same shape.

    Returns:
        Whether there may be any: elsewhere than on the CPU, a look would wait.
    """
    if not target.is_cpu:
        pending.left_out = PendingFew(pack.add(sums_of_few(target.detach(), ignored)))
        return True
    if not bool(ignored.any()):
        return False
    pending.left_out = pack.sums(target.detach()[ignored].float().reshape(-1), -1)
    return True


def _compare_classes(
    pack: Pack, pending: PendingLoss, probabilities: Tensor, labels: Tensor
) -> None:
    classes = probabilities.shape[1 if probabilities.dim() > 1 else 0]
    valid = (labels >= 0) & (labels < classes)
    if classes > MOST_CLASSES:
        pending.target = pack.sums(labels[valid] if labels.device.type == "cpu" else labels, -1)
        return
    kept = labels.masked_fill(~valid, classes)
    pending.class_counts = pack.add(torch.bincount(kept, minlength=classes + 1)[:classes])
    if probabilities.dim() == 2:
        one_hot = kept.unsqueeze(1) == torch.arange(classes, device=kept.device)
        _correlate(pack, pending, probabilities, one_hot)


def compare_classes_on_cpu(
    pack: Pack, pending: PendingLoss, probabilities: NDArray[np.floating], labels: NDArray[np.int_]
) -> None:
    """How often each class occurs and what was predicted of it, for class numbers on the CPU.

    By NumPy, which takes a tenth of the time of torch for a batch of usual size.

    Args:
        pack: Where the numbers wait.
        pending: What they are added to.
        probabilities: `[samples, classes]`.
        labels: A class for each sample; those outside the classes are ignored.
    """
    if labels.size and probabilities.size <= _SMALL_TABLE:
        table = np.array(probabilities, np.float64).reshape(-1)
        pending.class_table = pack.add(table), pack.add(np.array(labels, np.float64))
        return
    with np.errstate(all="ignore"):  # they may not be finite
        counts, moments = compared_classes(probabilities.astype(np.float64), labels)
    pending.class_counts, pending.moments = pack.add(counts), pack.add(moments)


def is_image(values: Tensor) -> bool:
    """Whether there are several samples with places of their own: `[batch, channels, ...]`.

    Args:
        values: What a loss compares. Sequences are left out: their first dimension may be time.
    """
    return values.dim() >= _IMAGE and len(values) >= _FEWEST and values[0].numel() > 1


def _places(values: Tensor) -> Tensor:
    """The values at each place, `[batch, places]`, evenly spaced ones of many."""
    rows = values.reshape(len(values), -1)
    return rows[:, :: -(-rows.shape[1] // _MOST_PLACES)]


def weighted_variance(target: Tensor, weight: Tensor) -> float:
    """The best constant's squared error under importances, as a mean over them, for each unit.

    Args:
        target: Of any shape; the units are in its last dimension.
        weight: Not negative, to be broadcast to it.
    """
    y = target.reshape(-1, target.shape[-1] if target.dim() > 1 else 1).double()
    w = weight.expand_as(target).reshape(y.shape).double()
    mean = (w * y).sum(0) / w.sum(0).clamp_min(1e-300)
    return float((w * (y - mean).square()).sum() / w.sum())


def _quantiles(values: Tensor) -> Tensor:
    """Equally likely values of each unit, `[quantiles, units]`, flattened."""
    rows = values.reshape(-1, values.shape[-1] if values.dim() > 1 else 1)
    rows = rows[:: -(-rows.numel() // _MOST_SORTED)] if rows.numel() else rows
    ordered = rows.float().sort(0).values
    at = (torch.arange(_QUANTILES, device=rows.device) + 0.5) * len(rows) / _QUANTILES
    return ordered[at.long().clamp_max(len(rows) - 1)].reshape(-1)


def _correlate(pack: Pack, pending: PendingLoss, given: Tensor, target: Tensor) -> None:
    units = given.shape[-1] if given.dim() > 1 else 1
    if is_image(given):  # a mean image is like every image, and says nothing of any
        units = given[0].numel()
    wide = torch.float64 if given.device.type == "cpu" else torch.float32
    p, t = given.reshape(-1, units).to(wide), target.reshape(-1, units).to(wide)
    p, t = p - p.mean(0), t - t.mean(0)
    moments = torch.stack([(p * t).sum(0), p.square().sum(0), t.square().sum(0)])
    pending.moments = pack.add(moments)


def unexpanded(tensor: Tensor) -> Shape:
    """Shape before expansion: expanded dimensions have stride 0.

    Args:
        tensor: Of any shape and strides.

    Returns:
        As many dimensions, those that were expanded of length 1.
    """
    return tuple(
        1 if stride == 0 and n > 1 else n
        for n, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )


def wide(tensor: Tensor) -> Tensor:
    """Half precision as float32: a sum of squares soon overflows it."""
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    return tensor.detach().float() if half else tensor.detach()
