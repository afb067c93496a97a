"""zero-grad: gradients that are cleared before each backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.optim import Optimizer

from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places, always
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies._training import backward_called, receiver, scope_of, step_called
from lifesigns.remedies.testing import case


@dataclass(frozen=True)
class ZeroGrad(Edit):
    """No step sees the gradient of the step before."""

    name: ClassVar[str] = "zero-grad"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return _cleared_after_steps(run.the_optimizer())

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call, step = backward_called(script), step_called(script)
        if scope_of(script, call) is not scope_of(script, step):
            raise Refused("backward and step are called in different functions")
        line = f"{receiver(script, step)}.zero_grad()"
        late = [c for c in script.method_calls("zero_grad") if _is_between(script, call, c, step)]
        return [*map(script.line_dropped, late), *script.lines_before(call, line)]


def _is_between(script: Script, first: cst.Call, call: cst.Call, last: cst.Call) -> bool:
    """Whether a call is made after one and before another one of the same function."""
    same = scope_of(script, call) is scope_of(script, first)
    return same and script.span(first)[1] <= script.span(call)[0] < script.span(last)[0]


@contextmanager
def _cleared_after_steps(optimizer: Optimizer) -> Iterator[None]:
    """A step that finds no gradients, since they were cleared just before, gets those."""
    cleared: list[tuple[nn.Parameter, Tensor]] = []
    clear = optimizer.zero_grad

    def keep(set_to_none: bool = True) -> None:
        held = [p for group in optimizer.param_groups for p in group["params"]]
        if found := [(p, p.grad) for p in held if p.grad is not None]:
            cleared[:] = found
        clear(set_to_none=True)

    def bring_back(*_given: Any) -> None:
        if all(parameter.grad is None for parameter, _ in cleared):
            for parameter, gradient in cleared:
                parameter.grad = gradient

    def finish(*_given: Any) -> None:
        clear()
        cleared.clear()

    setattr(optimizer, "zero_grad", keep)  # noqa: B010, mypy takes it for a method
    hooks = (
        optimizer.register_step_pre_hook(bring_back),
        optimizer.register_step_post_hook(finish),
    )
    try:
        with until_closed(*hooks):
            yield
    finally:
        delattr(optimizer, "zero_grad")


# --- cases ----------------------------------------------------------------------------------------
_LOOP = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
{}    loss.backward()  # adds up
    optimizer.step()
"""
_SHORT = """
def train_step(net, optimizer):
    loss = F.mse_loss(net(x), y)
{}    loss.backward()
    optimizer.step()
    return loss


for step in range(20):
    loss = train_step(model, optimizer)
"""
_BETWEEN = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
{0}    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
{1}    optimizer.step()
"""
_CLEAR = "    optimizer.zero_grad()\n"
_ONE_LINE = """
for step in range(20):
    loss = F.mse_loss(model(x), y)
    loss.backward(); optimizer.zero_grad(); optimizer.step()
"""
MANUAL = Manual(
    name=ZeroGrad.name,
    title="Gradients cleared before each backward pass",
    changes="The gradients that the optimizer steps along: those of one backward pass. What clears "
    "them between that pass and the step goes before it.",
    unsafe="Where gradients of several batches are added up on purpose before one step.",
    references=("PyTorch documentation, Zeroing out gradients in PyTorch",),
    made_for=always(ZeroGrad()),
    cases=(
        case(
            "in the loop",
            ZeroGrad(),
            "loop",
            _LOOP.format(""),
            _LOOP.format("    optimizer.zero_grad()\n"),
        ),
        case(
            "in a function that is given the optimizer",
            ZeroGrad(),
            "loop",
            _SHORT.format(""),
            _SHORT.format("    optimizer.zero_grad()\n"),
        ),
        case(
            "between backward and step",
            ZeroGrad(),
            "loop",
            _BETWEEN.format("", _CLEAR),
            _BETWEEN.format(_CLEAR, ""),
        ),
        case("refused: all in one line", ZeroGrad(), "loop", _ONE_LINE, None),
        case(
            "refused: two backward passes",
            ZeroGrad(),
            "loop",
            _LOOP.format("    loss.backward(retain_graph=True)\n"),
            None,
        ),
    ),
)
