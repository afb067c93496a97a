"""What else watches a training, each made to look at every step: for the table of overhead.py.

A peer is a function of model and optimizer that watches while its context lasts. It is asked for
as much of what lifesigns reads as it can give; its files are temporary.
`PEERS` names those that are installed here, `missing()` says how the others come.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import torch
from torch import Tensor, nn

Watching = Callable[[nn.Module, torch.optim.Optimizer], contextlib.AbstractContextManager[object]]


@contextlib.contextmanager
def module_hooks(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Forward and backward hooks on activation modules that compute the recorder's unit sums."""
    kept: dict[object, tuple[Tensor, ...]] = {}

    def sums(x: Tensor, quiet: Tensor) -> tuple[Tensor, ...]:
        units = 1 if x.dim() == 4 else -1  # channels of pictures, else the last dimension
        rows = x.detach().movedim(units, -1).flatten(0, -2).float()
        return (
            *(rows.sum(0), rows.square().sum(0), (rows != 0).sum(0)),
            *(rows.amin(0), rows.amax(0), (~rows.isfinite()).sum(0), quiet.sum()),
        )

    def forward(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        kept[module, "value"] = sums(output, output == 0)

    def backward(
        module: nn.Module, passed: tuple[Tensor, ...], arrived: tuple[Tensor, ...]
    ) -> None:
        kept[module, "arrived"] = sums(arrived[0], arrived[0] == 0)
        kept[module, "passed"] = sums(passed[0], passed[0].abs() < 0.01 * arrived[0].abs())

    def norms(stepping: torch.optim.Optimizer, *_: object) -> None:
        for group in stepping.param_groups:
            for parameter in group["params"]:
                kept[parameter] = (parameter.detach().norm(), parameter.grad.norm())

    sites = [m for m in model.modules() if isinstance(m, nn.ReLU)]
    with contextlib.ExitStack() as hooks:
        for site in sites:
            hooks.callback(site.register_forward_hook(forward).remove)
            hooks.callback(site.register_full_backward_hook(backward).remove)
        hooks.callback(optimizer.register_step_pre_hook(norms).remove)
        yield


@contextlib.contextmanager
def tensorboard(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Histograms of activations, gradients and weights."""
    from torch.utils.tensorboard import SummaryWriter

    step = 0

    def histograms(*_: object) -> None:
        nonlocal step
        step += 1
        for name, parameter in model.named_parameters():
            writer.add_histogram(f"weight/{name}", parameter, step)
            writer.add_histogram(f"gradient/{name}", parameter.grad, step)

    def forward(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        writer.add_histogram(f"value/{names[module]}", output, step)

    names = {m: name for name, m in model.named_modules() if isinstance(m, nn.ReLU)}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as hooks:
        writer = SummaryWriter(folder)
        hooks.callback(writer.close)
        for module in names:
            hooks.callback(module.register_forward_hook(forward).remove)
        hooks.callback(optimizer.register_step_pre_hook(histograms).remove)
        yield


@contextlib.contextmanager
def wandb(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """`wandb.watch(log="all")`, offline: histograms of gradients and weights."""
    import wandb as package

    with tempfile.TemporaryDirectory() as folder:
        settings = package.Settings(silent=True, console="off")
        run = package.init(mode="offline", dir=folder, settings=settings)
        run.watch(model, log="all", log_freq=1)
        hook = optimizer.register_step_post_hook(lambda *_: run.log({}))
        yield
        hook.remove()
        run.unwatch(model)
        run.finish()


@contextlib.contextmanager
def torchdiag(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Its two checks, of gradients and of dead neurons; the latter runs the network once more."""
    import torchdiag as package

    batch: list[Tensor] = []

    def check(*_: object) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            package.check_gradients(model)
            package.check_dead_neurons(model, batch[0])

    seen = model.register_forward_pre_hook(lambda _, inputs: batch.__setitem__(slice(None), inputs))
    hook = optimizer.register_step_pre_hook(check)
    yield
    seen.remove()
    hook.remove()


@contextlib.contextmanager
def traintools(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Its `GradientHealthMonitor`: norms of gradients and weights, and update ratios."""
    from traintools.gradhealth import GradientHealthMonitor

    monitor = GradientHealthMonitor()
    rate = optimizer.param_groups[0]["lr"]

    def inspect(*_: object) -> None:  # what a hook returns would replace the step's arguments
        monitor.inspect(model, step=0, lr=rate)

    hook = optimizer.register_step_pre_hook(inspect)
    yield
    hook.remove()


@contextlib.contextmanager
def neurolens(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Its monitor of gradients and updates, without a window to show it."""
    from neurolens.client import Viewer
    from neurolens.monitor import Monitor

    with Viewer(quiet=True) as viewer:
        monitor = Monitor(model, optimizer, viewer, every=0)
        hook = optimizer.register_step_post_hook(lambda *_: monitor.step(loss=0.0))
        yield
        hook.remove()
        monitor.remove()


WATCHERS: dict[str, Watching] = {
    watcher.__name__: watcher for watcher in (tensorboard, wandb, torchdiag, traintools, neurolens)
}
PEERS = {name: watcher for name, watcher in WATCHERS.items() if find_spec(name)}


def missing() -> str:
    """Which peers are left out, and how they are installed; empty where all are here."""
    names = " ".join(name for name in WATCHERS if name not in PEERS)
    return names and f"Left out, as not installed: pip install {names}"
