"""The gradients that arrive at a site and that it passes on, reduced while backward goes by."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.site_plan import SitePlan
from lifesigns.record.measure.large import some_units
from lifesigns.record.measure.reduce import Pack, PendingSums
from lifesigns.record.measure.stacks import Lessened
from lifesigns.record.read_pass import PendingSite
from lifesigns.record.readable import (
    has_modes,
    is_ordinary,
    is_transformed,
    no_gradients,
    obstacle,
    readable,
    without_modes,
)
from lifesigns.records import Site

_PLAIN = frozenset({torch.float32, torch.float64})


class Told(Protocol):
    """Who is told what goes wrong at a site."""

    def failed(self, name: str, error: Exception) -> None:
        """A part of the reading has failed.

        Args:
            name: Of the part.
            error: What was raised.
        """

    def left_out(self, why: str) -> None:
        """Something cannot be read.

        Args:
            why: What it is, and the reason.
        """


class SiteGradient:
    """The hook of one site's node.

    Args:
        pack: Where the sums wait for the copy.
        pending: The site, to which the sums are added.
        plan: What is to be read of it.
        grouped: The dimension of the inputs of which it chooses one; None where it does not.
        whole: Whether all of its units are read.
        told: Who is told what goes wrong: an exception here would end the user's backward.
    """

    __slots__ = ("_grouped", "_is_usual", "_pack", "_pending", "_plan", "_told")

    def __init__(
        self,
        pack: Pack,
        pending: PendingSite,
        plan: SitePlan,
        *,
        grouped: Any,
        whole: bool,
        told: Told,
    ) -> None:
        self._pack, self._pending, self._plan = pack, pending, plan
        self._grouped, self._told = grouped, told
        self._is_usual = pack.program is not None and grouped is None and whole

    def __call__(self, grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
        """Backward has come to the node.

        Args:
            grad_inputs: What it passes on, for each of its inputs; None where nothing is needed.
            grad_outputs: What has arrived.
        """
        try:
            source = self._plan.source
            arrived = grad_outputs[0] if grad_outputs else None
            passed = grad_inputs[source] if source < len(grad_inputs) else None
            if self._is_usual and _are_usual(arrived, passed):
                self._add(arrived, passed, known=True)
                return
            with torch._C.DisableTorchFunction(), no_gradients(), without_modes():
                self._add(self._few(arrived), self._few(passed), known=False)
        except Exception as error:
            self._told.failed(self._plan.site.name, error)

    def _add(self, arrived: Tensor | None, passed: Tensor | None, *, known: bool) -> None:
        pack, plan = self._pack, self._plan
        sums = None
        if arrived is not None:
            sums = pack.sums(arrived, unit_dim(arrived, plan.site), known=known)
            self._pending.output_gradient = sums
        if passed is not None:
            flat: Lessened | PendingSums | None = sums
            if not plan.is_gate or arrived is None or arrived.shape != passed.shape:
                flat = _flat(arrived, passed, plan.flat_slope)
            if self._grouped is not None and arrived is not None:
                passed = _group_first(passed, arrived, self._grouped)
            dim = unit_dim(passed, plan.site)
            self._pending.input_gradient = pack.sums(passed, dim, flat, known=known)

    def _few(self, gradient: Tensor | None) -> Tensor | None:
        """The units that are read; where units are chosen among others, all of them."""
        value, site = readable(gradient), self._plan.site
        if gradient is not None and value is None and (why := obstacle(gradient)):
            self._told.left_out(f"the gradient of {site.name}: {why}")
        if value is None or self._grouped is not None:
            return value
        return some_units(value, unit_dim(value, site))


def unit_dim(tensor: Tensor, site: Site) -> int:
    """The dimension of a site's units in one of its tensors.

    Args:
        tensor: Groups of inputs (maxout) sit in front of the site's own dimensions.
        site: The site.
    """
    dims = tensor.dim()
    if dims < 2 or site.unit_dim < 0:
        return -1
    return site.unit_dim + dims - len(site.shape)


def _are_usual(arrived: Tensor | None, passed: Tensor | None) -> bool:
    """Whether the program reads both gradients as they are, and nothing of torch's is run for it.

    Then no state of torch's matters: neither modes nor whether gradients are made.
    """
    if type(arrived) is not Tensor or type(passed) is not Tensor:
        return False
    return (
        arrived.dtype is passed.dtype
        and passed.dtype in _PLAIN
        and is_ordinary(arrived)
        and is_ordinary(passed)
        and not (has_modes() or is_transformed())
    )


def _group_first(passed: Tensor, arrived: Tensor, dim: Any) -> Tensor:
    """The gradient of a group's inputs as `[group, *shape of the output]`."""
    dims = [dim] if isinstance(dim, int) else list(dim)
    if len(dims) != 1 or not arrived.dim():
        return passed.reshape(-1, *[1] * arrived.dim())
    at = signed(dims[0]) % passed.dim()
    if passed.dim() == arrived.dim():
        return torch.stack(torch.split(passed, arrived.shape[at], at))
    return passed.movedim(at, 0)


def _flat(arrived: Tensor | None, passed: Tensor, flat_slope: float) -> Lessened | None:
    """Where a gradient arrived but less of it passed on than a flat slope lets through."""
    if arrived is None or not flat_slope or arrived.shape != passed.shape:
        return None
    return Lessened(arrived, flat_slope)
