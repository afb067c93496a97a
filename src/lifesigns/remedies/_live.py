"""Changes of a live run: modules that are swapped, and calls that do something else for a while.

Nothing here draws a random number that the run would have drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as modules
from torch.overrides import TorchFunctionMode

from lifesigns.records import Site
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._torch_names import DROPOUTS, MODULES

Answer = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
"""Given a function's name and arguments: what it gives instead, or `NotImplemented`."""


class Answering(TorchFunctionMode):
    """While open, some of torch's functions give another answer.

    Args:
        answer: Asked at each call; functions that it calls are not changed.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = kwargs or {}
        result = self._answer(getattr(func, "__name__", ""), args, given)
        return func(*args, **given) if result is NotImplemented else result


def call_again(name: str, *args: Any, **kwargs: Any) -> Any:
    """The function of torch that was called, by its name, with other arguments."""
    home = nn.functional if hasattr(nn.functional, name) else torch.Tensor
    return getattr(home, name)(*args, **kwargs)


def call_with(
    value: Any, keyword: str, position: int, name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """The function of torch that was called, with another value for one of its arguments.

    Args:
        value: Of the argument.
        keyword: Its name.
        position: Where it stands if it comes without its name.
        name: Of the function.
        args: What it was given.
        kwargs: What it was given by name.
    """
    if len(args) > position:
        return call_again(name, *args[:position], value, *args[position + 1 :], **kwargs)
    return call_again(name, *args, **{**kwargs, keyword: value})


def submodule(model: nn.Module, path: str) -> nn.Module:
    """The module at a path.

    Raises:
        Refused: There is none: the run has another model than the one that was judged.
    """
    try:
        return model.get_submodule(path)
    except AttributeError as error:
        raise Refused(f"the model has no module {path}") from error


def replace_module(model: nn.Module, path: str, new: nn.Module) -> None:
    """Puts a module in the place of another, in its mode and on its device.

    Args:
        model: Holds it.
        path: Not empty.
        new: Takes its place.
    """
    parent, _, name = path.rpartition(".")
    old = submodule(model, path)
    setattr(submodule(model, parent), name, new.train(old.training))


def is_module_of(model: nn.Module, site: Site) -> bool:
    """Whether a site is a module of its own, such as `nn.ReLU`, and no function call."""
    found = submodule(model, site.module)
    return bool(site.module) and type(found).__name__ == (MODULES | DROPOUTS).get(site.operation)


@contextmanager
def calls_changed(
    model: nn.Module, sites: Sequence[Site], instead: Callable[[Any], Any]
) -> Iterator[None]:
    """Calls `instead` with the first argument of the functional calls at these sites.

    Args:
        model: The root of the module paths.
        sites: Told apart by module and operation, and by which call of it in a forward pass.
        instead: Takes and returns a tensor.
    """
    wanted = {(site.module, site.operation, site.call) for site in sites}
    names = {module: name for name, module in model.named_modules()}
    running: list[nn.Module] = []
    counts: Counter[tuple[str, str]] = Counter()

    def enter(module: nn.Module, _inputs: Any) -> None:
        if module is model:
            counts.clear()
        running.append(module)

    def leave(*_given: Any) -> None:
        running.pop()

    def answer(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        operation = function.rstrip("_")
        where = (names.get(running[-1], "") if running else "", operation)
        number = counts[where]
        counts[where] += 1
        if (*where, number) not in wanted:
            return NotImplemented
        return instead(args[0] if args else kwargs["input"])

    with ExitStack() as stack:
        entered = modules.register_module_forward_pre_hook(enter)
        left = modules.register_module_forward_hook(leave, always_call=True)
        stack.callback(entered.remove)
        stack.callback(left.remove)
        stack.enter_context(Answering(answer))
        yield


@contextmanager
def until_closed(*handles: Any) -> Iterator[None]:
    """Removes hooks when the context is left.

    Args:
        handles: As torch returns them where a hook is registered.
    """
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def same_random_numbers(model: nn.Module) -> Iterator[None]:
    """Random numbers drawn within are the run's next ones, and the run draws them again.

    Args:
        model: On its devices.
    """
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(devices)):
        yield


def optimize_too(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> None:
    """Gives the optimizer further parameters, with the settings of its first group.

    Args:
        optimizer: Of the run.
        parameters: Those it does not have.
    """
    if parameters:
        settings = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
        optimizer.add_param_group({**settings, "params": list(parameters)})


@contextmanager
def rates_scaled(
    optimizer: torch.optim.Optimizer, factor: Callable[[int], float]
) -> Iterator[None]:
    """Scales the learning rates around each step, so that schedules do not undo or see it.

    Args:
        optimizer: Of the run.
        factor: Of a step, counted from 0.
    """
    before: list[Any] = []
    steps = Counter[str]()

    def scale(*_given: Any) -> None:
        before[:] = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor(steps["done"])

    def restore(*_given: Any) -> None:
        for group, rate in zip(optimizer.param_groups, before, strict=True):
            group["lr"] = rate
        steps["done"] += 1

    hooks = (optimizer.register_step_pre_hook(scale), optimizer.register_step_post_hook(restore))
    with until_closed(*hooks):
        yield
