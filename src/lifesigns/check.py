"""`lifesigns.check`: one forward and one backward pass, findings before any time is spent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lifesigns._errors import UsageError
from lifesigns.record import Recorder
from lifesigns.record.graph.walk import walk
from lifesigns.report import Report
from lifesigns.rules import Selection

LossFunction = Callable[[Any, Any], Tensor]


def check(
    model: nn.Module,
    batch: tuple[Any, Any],
    loss_fn: LossFunction,
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Report:
    """Runs one step without an update and judges it.

    Gradients, buffers (running statistics), training mode and random state are as before
    afterwards; hooks that act on a finished gradient, such as a step, do not run. A model in
    evaluation mode is put into training mode; one in training mode keeps the mode of each of its
    modules. What only shows while training (units that die, a flat loss) cannot be seen here.

    Args:
        model: The network.
        batch: Inputs and targets. Inputs may be a tensor, a tuple of positional arguments or a
            dictionary of keyword arguments of the model.
        loss_fn: Called with the model's output and the targets; returns a scalar.
        select: Rules to ask, by name, code or family (`ACT`); all by default.
        ignore: Rules not to ask.

    Raises:
        UsageError: A rule is unknown, `batch` is not a pair, or `loss_fn` returns no scalar tensor.

    Example:
        >>> import torch, lifesigns
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))
        >>> batch = torch.randn(8, 4), torch.randint(0, 3, (8,))
        >>> report = lifesigns.check(net, batch, torch.nn.functional.cross_entropy)
        >>> report.findings[0].rule
        'doubled-softmax'
    """
    return checked(model, batch, loss_fn, Selection.of(select, ignore))


def checked(
    model: nn.Module, batch: tuple[Any, Any], loss_fn: LossFunction, selection: Selection
) -> Report:
    """As `check`, with rules that are selected already.

    Args:
        model: Called once with the inputs; its parameters, gradients, buffers and mode are as
            before.
        batch: Inputs and targets; several inputs as a tuple, named ones as a mapping.
        loss_fn: Takes the output and the targets, returns a scalar tensor.
        selection: Which rules are asked, and where their findings do not count.

    Raises:
        UsageError: `batch` is not a pair, or `loss_fn` returns no scalar tensor.
    """
    inputs, targets = _pair(batch)
    recorder = Recorder(model, every=1)
    with _untouched(model):
        recorder.start()
        try:
            with torch.enable_grad():
                loss = loss_fn(_call(model, inputs), targets)
                _check_loss(loss)
                _backward(loss)
        finally:
            recorder.stop()
    trace = recorder.trace()
    return Report.of(trace, selection)


def _pair(batch: Any) -> tuple[Any, Any]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise UsageError(f"batch is a {type(batch).__name__}: expected a pair (inputs, targets)")
    return batch[0], batch[1]


def _call(model: nn.Module, inputs: Any) -> Any:
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def _check_loss(loss: Any) -> None:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise UsageError(f"loss_fn returned {what}: expected a scalar tensor; reduce it first")


def _backward(loss: Tensor) -> None:
    with _without_gradients(walk([loss]).leaves):
        # A loss without a graph is passed on as one that leads nowhere, which is what it is.
        torch.autograd.backward(loss if loss.requires_grad else loss.detach().requires_grad_())


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Restores gradients, buffers, each module's training mode and random state."""
    training = {module: module.training for module in model.modules()}
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with (
        torch.random.fork_rng(devices),
        _same_random_numbers(),
        _same_buffers(model),
        _without_gradients(model.parameters()),
    ):
        if not model.training:
            model.train()
        try:
            yield
        finally:
            for module, mode in training.items():
                module.training = mode


@contextmanager
def _without_gradients(leaves: Iterable[Tensor]) -> Iterator[None]:
    """Puts gradients aside, and hooks that would act on the new ones."""
    aside = []
    for leaf in leaves:
        hooks = leaf._post_accumulate_grad_hooks
        aside.append((leaf, leaf.grad, hooks, dict(hooks or ())))
        leaf.grad = None
        if hooks:
            hooks.clear()
    try:
        yield
    finally:
        for leaf, gradient, hooks, before in aside:
            leaf.grad = gradient
            if hooks is not None:
                hooks.update(before)


@contextmanager
def _same_buffers(model: nn.Module) -> Iterator[None]:
    """Restores buffers, whether they are changed in place or replaced."""
    before = [
        (module, dict(module._buffers), {n: b.detach().clone() for n, b in _materialised(module)})
        for module in model.modules()
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, buffers, values in before:
                module._buffers.clear()
                module._buffers.update(buffers)
                for name, value in values.items():
                    module._buffers[name].copy_(value)  # type: ignore[union-attr]


def _materialised(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The buffers that hold values; those of a lazy module get theirs in its first pass."""
    for name, buffer in module._buffers.items():
        if buffer is not None and not nn.parameter.is_lazy(buffer):
            yield name, buffer


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Restores the generators of Python and NumPy."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
