"""Hands stacked perceptrons to the C program."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from ctypes import POINTER, c_char_p, c_double, c_int64, c_void_p
from itertools import count, takewhile
from typing import Any

import torch
from torch import Tensor

from lifesigns.lab.compiled.building import library
from lifesigns.lab.perceptrons import StackedPerceptrons
from lifesigns.nets import MLP, Recipe


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
    )


class CompiledTrainer:
    """Trains stacked perceptrons in C; a `Trainer`."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        program: StackedPerceptrons,
        inputs: Tensor,
        targets: Tensor,
    ) -> None:
        """Prepares the training of a program's parameters, in place.

        Args:
            recipes: One for each member, of one structure that `is_compiled` affirms.
            program: Has the parameters.
            inputs: Shape `[N, I]`, of the parameters' dtype.
            targets: Class indices `[N]`, or values `[N, O]` of that dtype.
        """
        self._train = _found(inputs.dtype).train
        self._samples = inputs.contiguous(), targets.contiguous()
        values = program.parameters
        mean, square = ([torch.zeros_like(value) for value in values] for _ in range(2))
        self._state = values, mean, square
        self.gradient_norm = torch.empty(0)
        self._request = Request(
            members=len(recipes),
            samples=len(inputs),
            layers=len(values),
            batch_size=recipes[0].batch_size,
            inputs=_array(c_int64, (value.shape[1] - 1 for value in values)),
            outputs=_array(c_int64, (value.shape[2] for value in values)),
            x=self._samples[0].data_ptr(),
            y=self._samples[1].data_ptr(),
            rate=_array(c_double, (recipe.learning_rate for recipe in recipes)),
            momentum=_array(c_double, (recipe.momentum for recipe in recipes)),
            decay=_array(c_double, (recipe.weight_decay for recipe in recipes)),
            values=_array(c_void_p, (tensor.data_ptr() for tensor in values)),
            mean=_array(c_void_p, (tensor.data_ptr() for tensor in mean)),
            square=_array(c_void_p, (tensor.data_ptr() for tensor in square)),
            **_kinds(recipes[0], inputs.dtype),
        )

    def advance(self, order: Tensor, batches: range) -> Tensor:
        """See `Trainer`."""
        request, order = self._request, order.contiguous()
        losses = self._samples[0].new_empty(len(batches), request.members)
        self.gradient_norm = torch.empty(request.members, dtype=torch.float64)
        request.first, request.last = batches.start, batches.stop
        request.order, request.losses = order.data_ptr(), losses.data_ptr()
        request.gradient_norm = self.gradient_norm.data_ptr()
        if self._train(ctypes.byref(request)):
            raise MemoryError("There is no memory for one network and its batch.")
        request.done += len(batches)
        return losses


def is_compiled(recipe: Recipe, inputs: Tensor, targets: Tensor) -> bool:
    """Whether this machine has a C program for a recipe, and the samples fit its network.

    Args:
        recipe: Of the members.
        inputs: Shape `[N, …]`.
        targets: Shape `[N]` or `[N, …]`.
    """
    if library(inputs.dtype) is None or not _fit(recipe, inputs, targets):
        return False
    try:
        return bool(_kinds(recipe, inputs.dtype))
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
