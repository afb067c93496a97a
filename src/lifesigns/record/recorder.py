"""The recorder: sees backward passes and optimizer steps, and hands them to those that read them.

A cycle is one step of training: everything until every known optimizer has stepped (several
backward passes for a GAN or gradient accumulation); without an optimizer, one backward pass. At its
end `Cycles` decides whether the next one is due, and arms the forward hooks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from lifesigns.record.attach import backward as _backward
from lifesigns.record.attach.backward import GradCall, outside_dynamo
from lifesigns.record.attach.followed_thread import TrainingThread
from lifesigns.record.attach.guard import Guard
from lifesigns.record.compiled.calls import CompiledCode
from lifesigns.record.graph.module_calls import ForwardHooks
from lifesigns.record.graph.roots import Roots
from lifesigns.record.pass_reader import PassReader
from lifesigns.record.schedule.clock import Clock
from lifesigns.record.schedule.cycle_end import ByHand, Optimizers
from lifesigns.record.schedule.cycles import ARMED, QUIET, Cycles
from lifesigns.record.schedule.functional import Functional
from lifesigns.record.schedule.idle import IdleOptimizers
from lifesigns.record.schedule.loss_log import (
    FOREIGN,
    LossLog,
    is_severed,
    loss_value,
    with_graph,
)
from lifesigns.record.schedule.rate_log import RateLog
from lifesigns.record.schedule.sampler import Budget, Every
from lifesigns.record.schedule.snapshots import Snapshots
from lifesigns.record.schedule.spikes import Surprise
from lifesigns.records import EVERYTHING, Cost, LossCurve, Quantity, Snapshot, Trace

MOST_PASSES = 64
"""Backward passes of one cycle that are recorded."""

_task = torch._C._current_graph_task_id
OUTSIDE = -1
"""The task of code that does not run inside a backward pass."""


class Recorder:
    """Watches training in this process between `start` and `stop`.

    Args:
        model: The network to watch; None finds the root modules by itself.
        optimizers: Optimizers known beforehand; others are found when they step.
        every: Record each N-th cycle; None records by `budget`.
        budget: Share of the training time that watching may cost.
        strict: Raise the recorder's own failures instead of reporting them.
        needs: What is measured; the graphs and the value of the loss always are.
        on_snapshot: Called with each finished snapshot.
        on_cycle: Called with the number of completed cycles after each.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        optimizers: Iterable[Optimizer] = (),
        *,
        every: int | None = None,
        budget: float = 0.01,
        strict: bool = False,
        needs: Collection[Quantity] = EVERYTHING,
        on_snapshot: Callable[[Snapshot], None] | None = None,
        on_cycle: Callable[[int], None] | None = None,
    ) -> None:
        self._guard = Guard(strict, self._give_up)
        self._roots, self._thread = Roots(model), TrainingThread()
        self._optimizers, self._by_hand = Optimizers(optimizers), ByHand()
        self._hooks = ForwardHooks(self._guard)
        self._compiled = CompiledCode(self._hooks, self._guard)
        self._clock = Clock()
        sampler = Every(every) if every else Budget(budget)
        self._cycles = Cycles(sampler, (self._hooks, self._compiled), self._clock, on_cycle)
        self._losses, self._surprise, self._rates = LossLog(), Surprise(), RateLog()
        self._passes = PassReader(
            self._roots, self._hooks, self._compiled, self._losses, self._thread, needs
        )
        self._functional = Functional(self._losses, self._by_hand)
        self._snapshots, self._idle = Snapshots(on_snapshot), IdleOptimizers()
        self._has_stepped = False
        self._step_hooks: list[Any] = []

    # --- life -----------------------------------------------------------------------------------
    def start(self) -> None:
        """Attaches: the first cycle is always recorded."""
        _backward.listen(self)
        self._step_hooks = [
            register_optimizer_step_post_hook(self._optimizer_stepped),
            register_optimizer_step_pre_hook(self._optimizer_steps),
        ]
        self._compiled.attach()
        self._cycles.start()

    def stop(self) -> None:
        """Detaches; nothing of the recorder is left behind. May be called twice."""
        if not self._step_hooks:
            return
        self._detach()
        if self._thread.is_elsewhere:
            self._passes.forget_parameters()
        try:
            self._guard(self._finish)
        finally:
            self._clock.end()
            self._cycles.step += bool(self._cycles.passes and not self._optimizers.names)

    def _finish(self) -> None:
        self._take_back(self._functional.before(None))
        self._finish_cycle()

    def forked(self) -> None:
        """In a forked child: what happens there is not this run."""
        self._guard.renew()
        self._detach()
        self._give_up()

    def _detach(self) -> None:
        _backward.stop_listening(self)
        for hook in self._step_hooks:
            hook.remove()
        self._step_hooks = []
        self._cycles.stop()
        self._compiled.detach()

    def _give_up(self) -> None:
        if self._thread.is_here:
            self._passes.drop()

    # --- what was seen --------------------------------------------------------------------------
    @property
    def steps(self) -> int:
        """Completed cycles."""
        return self._cycles.step

    def trace(self) -> Trace:
        """Everything recorded so far."""
        return Trace(
            snapshots=tuple(self._snapshots.kept),
            losses=self.losses(),
            steps=self._cycles.step,
            optimizers=self._optimizers.names,
            unreached=tuple(self._passes.unreached.readings()),
            idle=self._idle.names,
            rates=self._rates.curve(),
            unseen=tuple(self._unseen()),
            severed=self._losses.severed,
            cost=self.cost(),
            recorded=self._snapshots.recorded,
        )

    def cost(self) -> Cost:
        """What watching has cost so far."""
        return self._clock.cost()

    def losses(self, start: int = 0) -> LossCurve:
        """The loss of every backward pass from number `start` on.

        Args:
            start: Number of the first row; the rows before it are left out.
        """
        self._losses.catch_up(self.steps)
        return self._losses.curve(start)

    def _unseen(self) -> Iterable[str]:
        yield from (f"the recorder failed: {text}" for text in self._guard.failures)
        if self.steps and not self._losses and not self._losses.severed:
            yield (
                "optimizers stepped but no backward pass went through torch.autograd.backward "
                "(`backward` may have been imported by name before watching began)"
            )
        yield from self._functional.unseen()
        if self._passes.unrelated:
            yield f"{self._passes.unrelated} backward passes did not lead to the watched model"
        if self._thread.left_out:
            yield (
                f"{self._thread.left_out} backward passes in other threads: "
                "the training of one thread at a time is followed"
            )
        if self._losses.unread:
            yield f"{self._losses.unread} backward passes of losses whose value cannot be read"
        yield from self._passes.left_out()

    # --- around backward ------------------------------------------------------------------------
    def before_backward(self, tensors: Any, gradients: Any) -> None:
        """Notes the loss; on a recorded step reads the graph and hooks it.

        Args:
            tensors: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for them, in the same form; None for plain losses.
        """
        began = time.perf_counter()
        if self._clock.began is None:
            self._clock.began = self._hooks.first_event or began
        self._guard(self._before if _task() == OUTSIDE else self._before_nested, tensors, gradients)
        if self._thread.is_here:
            self._clock.watching += time.perf_counter() - began

    def before_grad(self, call: GradCall) -> None:
        """Does what is done before a backward pass, as far as the call trains something.

        Args:
            call: What was passed to `torch.autograd.grad`.
        """
        if not call.is_for_parameters:
            self._functional.for_tensors += 1
            return
        began = time.perf_counter()
        if self._clock.began is None:
            self._clock.began = self._hooks.first_event or began
        self._guard(self._before, call.outputs, call.weights, call)
        if self._thread.is_here:
            self._clock.watching += time.perf_counter() - began

    def after_grad(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        """Packs what was recorded.

        Args:
            call: What was passed to `torch.autograd.grad`.
            gradients: What it returned; None if it has raised.
        """
        self._thread.leave()
        if self._thread.is_here and self._functional.follows:
            began = time.perf_counter()
            self._guard(self._after_grad, call, gradients)
            self._clock.watching += time.perf_counter() - began

    def after_backward(self, *, succeeded: bool) -> None:
        """Packs what was recorded.

        Args:
            succeeded: Whether `backward` has returned rather than raised.
        """
        if _task() != OUTSIDE:
            return
        self._thread.leave()
        if not self._thread.is_here:
            return
        cycles = self._cycles
        if self._passes.reading is None and self._has_stepped and not cycles.stepped_inside:
            cycles.passes += succeeded
            return
        began = time.perf_counter()
        self._guard(self._after, succeeded)
        self._clock.watching += time.perf_counter() - began

    def _before(self, tensors: Any, gradients: Any, call: GradCall | None = None) -> None:
        with torch._C.DisableTorchFunction():  # a loss of the user's own class runs its code else
            given = with_graph(tensors, gradients)
        self._thread.enter()
        if not self._is_followed(given):
            return
        cycles = self._cycles
        if self._losses.tentative or call is not None:
            self._functional.follows = False
            self._take_back(self._functional.before(call))
        if cycles.passes and not self._optimizers and not self._by_hand.is_accumulating():
            self._end_cycle()
        if call is not None and self._functional.passes_over(call, self.steps):
            return
        armed = cycles.state is ARMED
        self._losses.severed += not given and is_severed(tensors)
        if not given or (not armed and self._losses.is_unrelated(cycles.passes)):
            return
        value, scale = loss_value(given)
        if value is None:
            self._losses.unread += 1
            return
        self._losses.append(cycles.step, value)
        if call is not None:
            self._functional.follows = True
            self._losses.tentative += 1
        reason = self._reason(value, armed)
        if reason or self._optimizers.several or self._roots.fixed:
            self._passes.drop()
            losses, inputs = [loss for loss, _ in given], None if call is None else call.inputs
            if reason:
                cycles.surprise()
                self._passes.read(losses, cycles.passes, value, scale, reason, inputs)
            else:  # it tells the loss curve
                self._passes.notice(losses, cycles.passes)

    def _reason(self, value: float | Tensor, armed: bool) -> str:
        """Why the pass with this loss is read; empty if it is not."""
        reason = self._surprise.reason(value, armed) if self._cycles.passes < MOST_PASSES else ""
        if self._surprise.moved:
            self._surprise.moved = False
            self._cycles.ask()
        return reason

    def _take_back(self, passes: int) -> None:
        """Forgets the latest passes: they have trained nothing."""
        for _ in range(passes):
            self._snapshots.drop(self._losses.newest)
            self._losses.drop()
        if passes:
            self._cycles.passes -= passes
            self._passes.forget_parameters()

    def _is_followed(self, given: list[tuple[Tensor, Tensor | None]]) -> bool:
        """Whether the pass that begins belongs to the training that is followed.

        Another thread's does as soon as the one that was followed has left.
        """
        if not self._thread.is_here:
            losses = [loss for loss, _ in given]
            if not (self._thread.is_left() and self._passes.concern(losses)):
                return False
            self._change_over()
        if not self._roots.fixed:
            self._thread.follow()
        return True

    def _change_over(self) -> None:
        """Ends what the other thread has begun, without touching what it may still train."""
        self._thread.follow()
        self._passes.drop()
        self._passes.forget_parameters()
        self._finish_cycle()
        for known in (self._optimizers, self._by_hand, self._roots):
            known.forget()
        self._cycles.stepped_inside = False
        if self._cycles.passes:
            self._cycles.begin()

    def _before_nested(self, tensors: Any, gradients: Any) -> None:
        if not (self._thread.is_here or self._thread.is_only_one_inside):
            return
        self._passes.read_nested([loss for loss, _ in with_graph(tensors, gradients)])

    def _after_grad(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        self._functional.follows = False
        self._cycles.passes += 1
        if gradients is None:
            self._passes.drop()
            self._take_back(min(self._losses.tentative, 1))
            return
        found = zip(call.inputs, gradients, strict=True)
        self._finish_reading(True, {id(p): g for p, g in found if g is not None})
        self._functional.look(call, gradients)

    def _after(self, succeeded: bool) -> None:
        self._finish_reading(succeeded)
        if not succeeded:
            return
        self._cycles.passes += 1
        if not self._has_stepped:
            self._idle.look(self._optimizers.alive())
        if not self._optimizers:
            self._by_hand.look()
        if self._cycles.stepped_inside:
            self._cycles.stepped_inside = False
            self._close_cycle()

    def _finish_reading(self, succeeded: bool, returned: dict[int, Tensor] | None = None) -> None:
        finished = self._passes.finish(self.steps, succeeded=succeeded, returned=returned)
        if finished is None:
            return
        reading, taken = finished
        self._snapshots.add(taken)
        if succeeded and not self._optimizers and returned is None:
            self._by_hand.choose((leaf, leaf.grad) for leaf in reading.leaves)
        if not self._has_stepped:
            self._idle.choose(reading.leaves)
        if self._guard.strict and reading.failures:
            raise RuntimeError("; ".join(reading.failures))

    # --- cycles ---------------------------------------------------------------------------------
    @outside_dynamo
    def _optimizer_steps(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """A first optimizer that calls a closure is known before its backward passes."""
        if not self._optimizers and self._thread.is_here:
            self._guard(self._note_optimizer, optimizer)

    @outside_dynamo
    def _optimizer_stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._is_own(optimizer):
            return
        began = time.perf_counter()
        cycles = self._cycles
        is_quiet = cycles.state is QUIET and not self._losses.tentative
        if is_quiet and _task() == OUTSIDE and self._optimizers.is_only(optimizer):
            self._guard(self._end_quiet_cycle, optimizer)
        else:
            self._guard(self._note_step, optimizer)
        self._clock.watching += time.perf_counter() - began

    def _end_quiet_cycle(self, optimizer: Optimizer) -> None:
        self._rates.look(optimizer, self._cycles.step)
        self._cycles.begin()

    def _is_own(self, optimizer: Optimizer) -> bool:
        """Whether a step belongs to the training that is followed, whatever thread makes it."""
        if self._thread.is_here:
            return True
        if self._thread.is_inside:
            return _task() != OUTSIDE and self._thread.is_only_one_inside
        return optimizer in self._optimizers

    def _note_step(self, optimizer: Optimizer) -> None:
        self._losses.catch_up(self.steps)
        self._note_optimizer(optimizer)
        if optimizer not in self._optimizers:
            self._losses.close(FOREIGN)
            return
        self._losses.close(self._optimizers.number(optimizer))
        for hook in self._step_hooks[1:]:
            hook.remove()
        self._optimizers.stepped(optimizer)
        self._has_stepped = True
        self._idle.forget()
        self._rates.look_again(self._optimizers.alive(), self._cycles.step)
        self._rates.look(optimizer, self._cycles.step)
        inside = _task() != OUTSIDE
        self._passes.stepped(optimizer, inside=inside)
        if inside:
            self._cycles.stepped_inside = True
        else:
            self._close_cycle()

    def _note_optimizer(self, optimizer: Optimizer) -> None:
        if optimizer in self._optimizers or not self._roots.are_trained_by(optimizer):
            return
        self._optimizers.found(optimizer)
        self._by_hand.forget()
        if len(self._optimizers) > 1 and not self._optimizers.stepping:
            self._join_last_cycle()

    def _close_cycle(self) -> None:
        if self._optimizers.all_stepped():
            self._end_cycle()

    def _join_last_cycle(self) -> None:
        """An optimizer that steps for the first time belongs to the cycle the others ended."""
        self._optimizers.begin_cycle(stepped=True)
        self._cycles.reopen()
        self._losses.join(self.steps)
        self._snapshots.join(self.steps)

    def _end_cycle(self) -> None:
        self._finish_cycle()
        self._optimizers.begin_cycle()
        self._cycles.begin()

    def _finish_cycle(self) -> None:
        """Adds the parameter readings to the cycle's snapshots and delivers them."""
        self._losses.catch_up(self.steps)
        self._losses.close()
        if not self._snapshots.pending:
            self._passes.forget_parameters()
            return
        self._rates.look_again(self._optimizers.alive(), self.steps)
        parameters = self._passes.finish_parameters(
            self._optimizers.rates(), self._optimizers.alive()
        )
        self._snapshots.finish(parameters, self._losses.stream)
