"""Hands stacked perceptrons to the C program."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from ctypes import POINTER, c_char_p, c_double, c_int64, c_void_p
from dataclasses import fields
from itertools import count, takewhile
from typing import Any

import torch
from torch import Tensor

from lifesigns.lab.engines.c.building import library
from lifesigns.lab.engines.torch.examining import Examination, Samples
from lifesigns.lab.engines.torch.perceptrons import StackedPerceptrons
from lifesigns.nets import MLP, Recipe

AT_A_TIME = 64
"""Held-out samples examined at a time."""


class Request(ctypes.Structure):
    """`struct request` of perceptrons.c, where the fields are explained."""

    _fields_ = (
        *((name, c_int64) for name in ("members", "samples", "layers", "batch_size")),
        *((name, c_int64) for name in ("first", "last", "done")),
        *((name, c_int64) for name in ("hidden", "output", "loss", "optimizer")),
        *((name, POINTER(c_int64)) for name in ("inputs", "outputs")),
        *((name, c_void_p) for name in ("x", "y", "order")),
        *((name, POINTER(c_double)) for name in ("rate", "momentum", "decay")),
        *((name, POINTER(c_void_p)) for name in ("values", "mean", "square")),
        *((name, c_void_p) for name in ("losses", "gradient_norm")),
        ("flat", c_double),
        ("found", c_void_p),
    )


class CompiledTrainer:
    """Trains and examines stacked perceptrons in C; a `Trainer`."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        program: StackedPerceptrons,
        samples: Samples,
        held_out: Samples,
    ) -> None:
        """Prepares the training of a program's parameters, in place.

        Args:
            recipes: One for each member, of one structure that `is_compiled` affirms.
            program: Has the parameters.
            samples: To train on: inputs `[N, I]` of the parameters' dtype, and class indices `[N]`
                or values `[N, O]` of that dtype.
            held_out: To examine on, likewise.
        """
        values = program.parameters
        mean, square = ([torch.zeros_like(value) for value in values] for _ in range(2))
        self._state, self._has_slopes = (values, mean, square), program.has_slopes
        self._samples, self._held_out = (
            (inputs.contiguous(), targets.contiguous()) for inputs, targets in (samples, held_out)
        )
        self._batch_size = recipes[0].batch_size
        self._library = _found(values[0].dtype)
        self._request = Request(
            members=len(recipes),
            layers=len(values),
            inputs=_array(c_int64, (value.shape[1] - 1 for value in values)),
            outputs=_array(c_int64, (value.shape[2] for value in values)),
            rate=_array(c_double, (recipe.learning_rate for recipe in recipes)),
            momentum=_array(c_double, (recipe.momentum for recipe in recipes)),
            decay=_array(c_double, (recipe.weight_decay for recipe in recipes)),
            values=_array(c_void_p, (tensor.data_ptr() for tensor in values)),
            mean=_array(c_void_p, (tensor.data_ptr() for tensor in mean)),
            square=_array(c_void_p, (tensor.data_ptr() for tensor in square)),
            flat=program.flat,
            **_kinds(recipes[0], values[0].dtype),
        )
        self.gradient_norm = torch.empty(len(recipes), dtype=torch.float64)

    def advance(self, order: Tensor, batches: range) -> Tensor:
        """See `Trainer`."""
        losses = self._samples[0].new_empty(len(batches), len(order))
        self.gradient_norm = torch.empty(len(order), dtype=torch.float64)
        request = self._request
        request.first, request.last = batches.start, batches.stop
        request.losses, request.gradient_norm = losses.data_ptr(), self.gradient_norm.data_ptr()
        self._do("train", self._samples, order.contiguous(), self._batch_size)
        request.done += len(batches)
        return losses

    def examine(self) -> Examination:
        """See `Trainer`."""
        found = torch.empty(self._request.members, len(fields(Examination)), dtype=torch.float64)
        self._request.found = found.data_ptr()
        self._do("examine", self._held_out, torch.arange(len(self._held_out[0])), AT_A_TIME)
        loss, right, squares, dead, saturated = found.T
        if not self._has_slopes:
            dead, saturated = torch.full_like(found.T[:2], torch.nan)
        return Examination(loss, right, squares, dead, saturated)

    def _do(self, work: str, samples: Samples, order: Tensor, batch_size: int) -> None:
        inputs, targets = samples
        request = self._request
        request.samples, request.batch_size = len(inputs), batch_size
        request.x, request.y, request.order = (t.data_ptr() for t in (inputs, targets, order))
        if getattr(self._library, work)(ctypes.byref(request)):
            raise MemoryError("There is no memory for one network and its batch.")


def is_compiled(recipe: Recipe, *samples: Samples) -> bool:
    """Whether this machine has a C program for a recipe, and all samples fit its network.

    Args:
        recipe: Of all members of a stack.
        samples: Pairs of inputs and targets, those to train on and those to examine on.
    """
    dtype = samples[0][0].dtype
    if library(dtype) is None or not all(_fit(recipe, *some) for some in samples):
        return False
    try:
        return bool(_kinds(recipe, dtype))
    except ValueError:
        return False


def _fit(recipe: Recipe, inputs: Tensor, targets: Tensor) -> bool:
    """Whether the program, which does not look, would find every sample where it looks for it."""
    network, samples = recipe.network, len(inputs)
    if not isinstance(network, MLP) or inputs.shape != (samples, network.inputs):
        return False
    if recipe.loss != "cross_entropy":
        return targets.shape == (samples, network.outputs) and targets.dtype == inputs.dtype
    labels = targets.dtype == torch.int64 and targets.shape == (samples,)
    return labels and bool(((targets >= 0) & (targets < network.outputs)).all())


def _kinds(recipe: Recipe, dtype: torch.dtype) -> dict[str, int]:
    """What a recipe asks for, as positions in the program's lists.

    Raises:
        ValueError: The program does not know something of it.
    """
    network = recipe.network
    assert isinstance(network, MLP)
    asked = {
        "hidden": ("activations", network.activation or "identity"),
        "output": ("activations", network.output_activation or "identity"),
        "loss": ("losses", recipe.loss),
        "optimizer": ("optimizers", recipe.optimizer),
    }
    return {field: _names(dtype, names).index(name) for field, (names, name) in asked.items()}


def _names(dtype: torch.dtype, exported: str) -> list[object]:
    """A list of names in the program, which a NULL ends."""
    first = c_char_p.in_dll(_found(dtype), exported)
    names = ctypes.cast(ctypes.addressof(first), POINTER(c_char_p))
    return [name.decode() for name in takewhile(bool, (names[i] for i in count()))]


def _found(dtype: torch.dtype) -> ctypes.CDLL:
    found = library(dtype)
    if found is None:
        raise RuntimeError(f"There is no compiled program for {dtype} on this machine.")
    return found


def _array(kind: Any, values: Iterable[float]) -> Any:
    listed = list(values)
    return (kind * len(listed))(*listed)
