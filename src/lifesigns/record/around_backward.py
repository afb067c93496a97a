"""What is done around each backward pass, and around calls of `torch.autograd.grad` that train.

Before a pass its loss is noted, and the graph is read and hooked if the cycle is recorded or the
loss surprising; after it, what was recorded is packed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.attach.backward import OUTSIDE, GradCall, task
from lifesigns.record.parts import Parts
from lifesigns.record.quiet import Quiet
from lifesigns.record.schedule.cycles import ARMED
from lifesigns.record.schedule.loss_log import is_severed, loss_value, with_graph
from lifesigns.record.steps import Steps
from lifesigns.record.stretch import Stretch

MOST_PASSES = 64
"""Backward passes of one cycle that are recorded."""


class AroundBackward:
    """Listens to the backward passes of the process, and follows those of one training.

    Args:
        parts: Those of the recorder.
        steps: Told where a pass shows that a cycle is over.
        quiet: The short way through cycles that are not recorded.
        stretch: The shortest.
        on_fork: Called in a forked child, where nothing is to be watched.
    """

    def __init__(
        self,
        parts: Parts,
        steps: Steps,
        quiet: Quiet,
        stretch: Stretch,
        on_fork: Callable[[], None],
    ) -> None:
        self._guard, self._clock, self._thread = parts.guard, parts.clock, parts.thread
        self._roots, self._hooks, self._reader = parts.roots, parts.hooks, parts.reader
        self._optimizers, self._by_hand, self._idle = parts.optimizers, parts.by_hand, parts.idle
        self._cycles, self._losses, self._snapshots = parts.cycles, parts.losses, parts.snapshots
        self._functional, self._surprise = parts.functional, parts.surprise
        self._loaded, self._rewound = parts.loaded, parts.rewound
        self._steps, self._quiet, self.forked = steps, quiet, on_fork
        stretch.notes, stretch.after = quiet.passes, self._after_noted
        self.notes_pass, self.after_noted = stretch.passes, stretch.passed
        self.notes_call = quiet.calls

    # --- called by the wrappers -----------------------------------------------------------------
    @property
    def is_noting(self) -> bool:
        """Whether this thread is inside a pass that was noted."""
        return self._thread.in_quiet_pass and self._thread.is_here

    def before_backward(self, tensors: Any, gradients: Any) -> Callable[[bool], None]:
        """Notes the loss; on a recorded step reads the graph and hooks it.

        Args:
            tensors: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for them, in the same form; None for plain losses.

        Returns:
            Called after the pass; packs what was recorded.
        """
        began = time.perf_counter()
        if self._clock.began is None:
            self._clock.began = self._hooks.first_event or began
        before = self._before if task() == OUTSIDE else self._before_nested
        if self._loaded.is_pending:
            self._guard(self._settle_loads)
        try:
            self._guard(before, tensors, gradients)
        except BaseException:
            self._after_backward(False)
            raise
        if self._thread.is_here:
            self._clock.spend(time.perf_counter() - began)
        return self._after_backward

    def _after_noted(self, succeeded: bool) -> None:
        """Counts a pass that went the short way; one in which an optimizer stepped did not."""
        cycles = self._cycles
        self._thread.in_quiet_pass = False
        if cycles.stepped_inside:
            self._after_backward(succeeded)
            return
        cycles.passes += succeeded
        if self._quiet.by_hand_alone:
            self._guard(self._by_hand.look)

    def _after_backward(self, succeeded: bool) -> None:
        """Packs what was recorded."""
        if task() != OUTSIDE:
            return
        self._thread.leave()
        if not self._thread.is_here:
            return
        cycles = self._cycles
        if self._reader.reading is None and self._steps.has_stepped and not cycles.stepped_inside:
            cycles.passes += succeeded
            return
        began = time.perf_counter()
        self._guard(self._after, succeeded)
        self._clock.spend(time.perf_counter() - began)

    def after_noted_call(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        """Counts a call that went the short way, and notes the weight as it is.

        Args:
            call: What was passed to `torch.autograd.grad`.
            gradients: What it returned; None if it has raised.
        """
        self._thread.in_quiet_pass = False
        if gradients is None:
            self._guard(self._after_grad, call, None)
            return
        self._cycles.passes += 1
        self._guard(self._by_hand.look)

    def before_grad(self, call: GradCall) -> None:
        """Does what is done before a backward pass, as far as the call trains something.

        Args:
            call: What was passed to `torch.autograd.grad`.
        """
        if not (call.is_for_parameters or self._functional.are_weights(call)):
            self._functional.for_tensors += 1
            return
        began = time.perf_counter()
        if self._clock.began is None:
            self._clock.began = self._hooks.first_event or began
        self._guard(self._before, call.outputs, call.weights, call)
        if self._thread.is_here:
            self._clock.spend(time.perf_counter() - began)

    def after_grad(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        """Packs what was recorded.

        Args:
            call: What was passed to `torch.autograd.grad`.
            gradients: What it returned; None if it has raised.
        """
        self._thread.leave()
        if self._hooks.armed and gradients is not None and not call.is_for_parameters:
            self._guard(self._reader.derived, call, gradients)
        if self._thread.is_here and self._functional.follows:
            began = time.perf_counter()
            self._guard(self._after_grad, call, gradients)
            self._clock.spend(time.perf_counter() - began)

    def end(self) -> None:
        """The run is over: calls that no update has followed have trained nothing."""
        self._take_back(self._functional.before(None))

    # --- before ---------------------------------------------------------------------------------
    def _before(self, tensors: Any, gradients: Any, call: GradCall | None = None) -> None:
        with torch._C.DisableTorchFunction():  # a loss of the user's own class runs its code else
            given = with_graph(tensors, gradients)
        self._thread.enter()
        if not self._is_followed(given):
            return
        self._quiet.close()
        cycles = self._cycles
        if self._losses.tentative or call is not None:
            self._functional.follows = False
            self._take_back(self._functional.before(call))
        if cycles.passes and not self._optimizers and not self._goes_on():
            self._steps.end_cycle()
        if call is not None and self._functional.passes_over(call, cycles.step):
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
            self._reader.drop()
            losses, inputs = [loss for loss, _ in given], None if call is None else call.inputs
            if reason:
                cycles.surprise()
                self._reader.read(losses, cycles.passes, value, scale, reason, inputs)
            else:  # it tells the loss curve
                self._reader.notice(losses, cycles.passes)
        self._quiet.learn(*given[0], cycles.passes)

    def _goes_on(self) -> bool:
        """Whether the cycle does, while no optimizer is known: no step has been made by hand.

        Gradients may be cleared before a first step that an optimizer is about to make.
        """
        if self._by_hand.is_accumulating():
            return True
        return self._idle.may_step_yet and self._by_hand.keeps_weight()

    def _settle_loads(self) -> None:
        self._loaded.settle()
        if self._loaded.is_unfound:
            self._cycles.ask(surely=1)

    def _before_nested(self, tensors: Any, gradients: Any) -> None:
        if not (self._thread.is_here or self._thread.is_only_one_inside):
            return
        self._reader.read_nested([loss for loss, _ in with_graph(tensors, gradients)])

    def _is_followed(self, given: list[tuple[Tensor, Tensor | None]]) -> bool:
        """Whether the pass that begins belongs to the training that is followed.

        Another thread's does as soon as the one that was followed has left.
        """
        if not self._thread.is_here:
            losses = [loss for loss, _ in given]
            if not (self._thread.is_left() and self._reader.concern(losses)):
                return False
            self._change_over()
        if not self._roots.fixed:
            self._thread.follow()
        return True

    def _change_over(self) -> None:
        """Ends what the other thread has begun, without touching what it may still train."""
        self._quiet.close()
        self._thread.follow()
        self._reader.drop()
        self._reader.forget_parameters()
        self._steps.finish_cycle()
        for known in (self._optimizers, self._by_hand, self._roots):
            known.forget()
        self._cycles.stepped_inside = False
        if self._cycles.passes:
            self._cycles.begin()

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
            self._cycles.take_back(passes)
            self._reader.forget_parameters()

    # --- after ----------------------------------------------------------------------------------
    def _after(self, succeeded: bool) -> None:
        self._finish_reading(succeeded)
        if not succeeded:
            return
        self._cycles.passes += 1
        if not self._steps.has_stepped:
            self._idle.look(self._optimizers.alive())
        if not self._optimizers:
            self._by_hand.look()
        if self._cycles.stepped_inside:
            self._cycles.stepped_inside = False
            self._steps.close_cycle()

    def _after_grad(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        self._functional.follows = False
        self._cycles.passes += 1
        if gradients is None:
            self._reader.drop()
            self._take_back(min(self._losses.tentative, 1))
            return
        found = zip(call.inputs, gradients, strict=True)
        self._finish_reading(True, {id(p): g for p, g in found if g is not None})
        self._functional.look(call, gradients)

    def _finish_reading(self, succeeded: bool, returned: dict[int, Tensor] | None = None) -> None:
        finished = self._reader.finish(self._cycles.step, succeeded=succeeded, returned=returned)
        if finished is None:
            return
        reading, taken = finished
        self._snapshots.add(taken)
        if not self._cycles.step and not self._cycles.stepped_inside:
            self._rewound.begin(reading.leaves)
        if self._loaded.is_unfound:
            self._loaded.find(self._roots.parameters())
        if succeeded and not self._optimizers and returned is None:
            self._by_hand.choose((leaf, leaf.grad) for leaf in reading.leaves)
        if not self._steps.has_stepped:
            self._idle.choose(reading.leaves)
        if self._guard.strict and reading.failures:
            raise RuntimeError("; ".join(reading.failures))
