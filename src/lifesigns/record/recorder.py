"""The recorder: decides which steps to record, records them, and keeps the loss of every step.

A cycle is one step of training: everything until every known optimizer has stepped (several
backward passes for a GAN or gradient accumulation); without an optimizer, one backward pass. At the
end of a cycle the recorder decides whether the next one is due and arms the forward hooks for it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.weak import WeakIdRef

from lifesigns._errors import RecorderError
from lifesigns.record import _backward
from lifesigns.record._compiled import EagerStance
from lifesigns.record.cycle import ByHand, Optimizers
from lifesigns.record.forward import Forward, ForwardHooks
from lifesigns.record.losses import LossLog, loss_value, with_graph
from lifesigns.record.parameters import ParameterReader
from lifesigns.record.reading import Reading
from lifesigns.record.reduce import measuring
from lifesigns.record.roots import Roots, root_inputs
from lifesigns.record.sampler import Budget, Every
from lifesigns.record.structures import Structures
from lifesigns.record.walk import Walk, walk
from lifesigns.records import Cost, LossCurve, Snapshot, Trace

SPIKE = 10.0
"""A finite loss this many times its running mean is recorded on the spot."""
MOST_ON_THE_SPOT = 4
MOST_PASSES = 64
"""Backward passes of one cycle that are recorded."""
MOST_STREAMS, MOST_FAILURES = 64, 16
MOST_KEPT, FIRST_KEPT, LATEST_KEPT = 256, 16, 64
"""Snapshots kept in memory; a run file gets them all."""


class Recorder:
    """Watches training in this process between `start` and `stop`.

    Args:
        model: The network to watch; None finds the root modules by itself.
        optimizers: Optimizers known beforehand; others are found when they step.
        every: Record each N-th cycle; None records by `budget`.
        budget: Share of the training time that watching may cost.
        strict: Raise the recorder's own failures instead of reporting them.
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
        on_snapshot: Callable[[Snapshot], None] | None = None,
        on_cycle: Callable[[int], None] | None = None,
    ) -> None:
        self._sampler = Every(every) if every else Budget(budget)
        self._exact = every is not None
        self._strict, self._on_snapshot, self._on_cycle = strict, on_snapshot, on_cycle
        self._roots, self._structures = Roots(model), Structures()
        self._optimizers, self._by_hand = Optimizers(optimizers), ByHand()
        self._hooks = ForwardHooks(self._on_evaluation, self._guard)
        self._stance = EagerStance()
        self._step_hook: Any = None
        self._first_step_hook: Any = None
        self._lock = threading.RLock()
        self._snapshots: list[Snapshot] = []
        self._failures: dict[str, None] = {}
        self._losses = LossLog()
        self._streams: dict[frozenset[WeakIdRef], int] = {}
        self._step, self._backwards = 0, 0
        self._waiting = self._waited = self._stepped_inside = False
        self._reading: Reading | None = None
        self._reader = 0
        self._pending: list[Snapshot] = []
        self._parameters: ParameterReader | None = None
        self._mean, self._on_the_spot = math.nan, 0
        self._watching = self._watching_when_armed = self._last_cost = 0.0
        self._began: float | None = None
        self._ended: float | None = None
        self._unrelated = 0

    # --- life -----------------------------------------------------------------------------------
    def start(self) -> None:
        """Attaches: the first cycle is always recorded."""
        _backward.listen(self)
        self._first_step_hook = register_optimizer_step_pre_hook(self._optimizer_steps)
        self._step_hook = register_optimizer_step_post_hook(self._optimizer_stepped)
        self._arm()

    def stop(self) -> None:
        """Detaches; nothing of the recorder is left behind. May be called twice."""
        if self._step_hook is None:
            return
        _backward.stop_listening(self)
        self._first_step_hook.remove()
        self._step_hook.remove()
        self._step_hook = None
        self._disarm()
        self._hooks.forget()
        try:
            self._guard(self._finish_cycle)
        finally:
            self._ended = time.perf_counter()
            self._step += bool(self._backwards and not self._optimizers.names)

    @property
    def steps(self) -> int:
        """Completed cycles."""
        return self._step

    def trace(self) -> Trace:
        """Everything recorded so far."""
        return Trace(
            snapshots=tuple(self._snapshots),
            losses=self.losses(),
            steps=self._step,
            optimizers=self._optimizers.names,
            unseen=tuple(self._unseen()),
            cost=self.cost(),
        )

    def cost(self) -> Cost:
        """What watching has cost so far."""
        if self._began is None:
            return Cost(self._watching, 0.0)
        elapsed = (self._ended or time.perf_counter()) - self._began
        return Cost(self._watching, max(elapsed - self._watching, 0.0))

    def losses(self, start: int = 0) -> LossCurve:
        """The loss of every backward pass from number `start` on."""
        curve = self._losses.curve(start)
        return curve if self._optimizers.several else replace(curve, streams=0 * curve.streams)

    def _unseen(self) -> Iterable[str]:
        yield from (f"the recorder failed: {text}" for text in self._failures)
        if self._step and not self._losses:
            yield (
                "optimizers stepped but no backward pass went through torch.autograd.backward "
                "(torch.autograd.grad, or `backward` imported by name before watching began)"
            )
        if self._unrelated:
            yield f"{self._unrelated} backward passes did not lead to the watched model"

    # --- around backward ------------------------------------------------------------------------
    def before_backward(self, tensors: Any, gradients: Any) -> None:
        """Notes the loss; on a recorded step reads the graph and hooks it."""
        began = time.perf_counter()
        if self._began is None:
            self._began = self._hooks.first_event or began
        nested = torch._C._current_graph_task_id() != -1
        self._guard(self._before_nested if nested else self._before, tensors, gradients)
        self._watching += time.perf_counter() - began

    def after_backward(self, *, succeeded: bool) -> None:
        """Packs what was recorded."""
        if torch._C._current_graph_task_id() != -1:
            return
        if self._optimizers and self._reading is None and not self._stepped_inside:
            self._backwards += succeeded
            return
        began = time.perf_counter()
        self._guard(self._after, succeeded)
        self._watching += time.perf_counter() - began

    def _before(self, tensors: Any, gradients: Any) -> None:
        if self._hooks.armed:
            self._stance.leave()
        if self._backwards and not self._optimizers and not self._by_hand.is_accumulating():
            self._end_cycle()
        given = with_graph(tensors, gradients)
        if not given or (not self._hooks.armed and self._losses.is_unrelated(self._backwards)):
            return
        losses = [loss for loss, _ in given]
        value, scale = loss_value(given)
        self._losses.append(self._step, self._backwards, value)
        reason = self._reason(value) if self._backwards < MOST_PASSES else ""
        if self._reading is not None and self._reader != threading.get_ident():
            return  # one thread at a time
        self._drop_reading()
        if reason:
            self._reader = threading.get_ident()
            with measuring():
                self._reading = self._read(losses, value, scale, reason)
        elif self._in_turn and not self._losses.knows(self._backwards):
            self._relates(walk(losses), Forward())

    def _reason(self, value: float | Tensor) -> str:
        """Why this step is recorded; empty if it is not."""
        if not isinstance(value, float):
            return "scheduled" if self._hooks.armed else ""
        mean, finite = self._mean, math.isfinite(value)
        if finite:
            self._mean = abs(value) if math.isnan(mean) else 0.95 * mean + 0.05 * abs(value)
        if self._hooks.armed:
            return "scheduled" if finite else "non-finite"
        if self._on_the_spot >= MOST_ON_THE_SPOT:
            return ""
        spike = finite and not math.isnan(mean) and abs(value) > SPIKE * mean
        self._on_the_spot += spike or not finite
        return "non-finite" if not finite else "spike" if spike else ""

    def _read(
        self, losses: list[Tensor], value: float | Tensor, scale: float, reason: str
    ) -> Reading | None:
        walked = walk(losses)
        forward = Forward()
        if self._hooks.armed:
            forward = self._roots.forward(walked, self._hooks.calls())
            if not self._relates(walked, forward):
                return None
        names = [self._roots.name(leaf, k) for k, leaf in enumerate(walked.leaves)]
        self._read_parameters(walked, names)
        return Reading(
            walked,
            self._structures.condense(walked, forward, names),
            forward,
            value=float(value),
            scale=scale,
            inputs=root_inputs(walked, forward),
            leaf_names=names,
            reason=reason,
        )

    @property
    def _in_turn(self) -> bool:
        """Whether backward passes may belong to different losses, or to another model."""
        return self._optimizers.several or self._roots.fixed

    def _relates(self, walked: Walk, forward: Forward) -> bool:
        """Notes which loss curve a backward pass belongs to; whether it concerns the model."""
        if not self._roots.is_reached(walked, forward):
            self._unrelated += 1
            self._losses.drop_unrelated(self._backwards)
            return False
        key = frozenset(map(WeakIdRef, walked.leaves))
        if len(self._streams) < MOST_STREAMS:
            self._streams.setdefault(key, len(self._streams))
        self._losses.note_stream(self._backwards, self._streams.get(key, 0))
        return True

    def _read_parameters(self, walked: Walk, names: list[str]) -> None:
        if self._parameters is None:
            named = {**self._roots.parameters(), **dict(zip(names, walked.leaves, strict=True))}
            from_start = self._hooks.armed or not self._backwards
            self._parameters = ParameterReader(named, walked.leaves, from_start=from_start)
        else:
            self._parameters.begin_pass(walked.leaves)

    def _before_nested(self, tensors: Any, gradients: Any) -> None:
        """A reentrant checkpoint runs backward on a recomputed piece of the same step."""
        losses = [loss for loss, _ in with_graph(tensors, gradients)]
        if self._reading is None or not losses:
            return
        with measuring():
            walked = walk(losses)
            names = [self._roots.name(leaf, k) for k, leaf in enumerate(walked.leaves)]
            if self._parameters is not None:
                self._parameters.reach(walked.leaves)
            armed = self._hooks.armed
            forward = self._roots.forward(walked, self._hooks.calls()) if armed else Forward()
            condensed = self._structures.condense(walked, forward, names)
            self._reading.extend(walked, condensed, forward)

    def _after(self, succeeded: bool) -> None:
        if self._reading is not None and self._reader == threading.get_ident():
            self._finish_reading(succeeded)
        if not succeeded:
            return
        self._backwards += 1
        if not self._optimizers:
            self._by_hand.look()
        if self._stepped_inside:
            self._stepped_inside = False
            self._close_cycle()

    def _finish_reading(self, succeeded: bool) -> None:
        reading = self._drop_reading()
        if reading is None:
            return
        self._waited = False
        with measuring():
            stream = self._losses.last_stream
            self._pending.append(reading.snapshot(self._step, stream, succeeded=succeeded))
            if not succeeded:
                self._parameters = None
            elif self._parameters is not None:
                self._parameters.gradients(reading.scale)
            if not self._optimizers:
                self._by_hand.choose(reading.leaves)
        if self._strict and reading.failures:
            raise RuntimeError("; ".join(reading.failures))

    def _drop_reading(self) -> Reading | None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.unhook()
        return reading

    # --- cycles ---------------------------------------------------------------------------------
    def _optimizer_steps(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """A first optimizer that calls a closure is known before its backward passes."""
        if not self._optimizers:
            self._guard(self._note_optimizer, optimizer)

    def _optimizer_stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        began = time.perf_counter()
        self._guard(self._note_step, optimizer)
        self._watching += time.perf_counter() - began

    def _note_step(self, optimizer: Optimizer) -> None:
        self._note_optimizer(optimizer)
        if optimizer not in self._optimizers:
            return
        self._first_step_hook.remove()
        self._optimizers.stepped(optimizer)
        inside = torch._C._current_graph_task_id() != -1
        if self._parameters is not None:
            self._note_update(optimizer, inside)
        if inside:
            self._stepped_inside = True
        else:
            self._close_cycle()

    def _note_update(self, optimizer: Optimizer, inside: bool) -> None:
        assert self._parameters is not None
        scale = self._reading.scale if inside and self._reading is not None else None
        held = [p for group in optimizer.param_groups for p in group["params"]]
        with measuring():
            self._parameters.stepped(held, scale)

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
        self._step = max(self._step - 1, 0)
        self._losses.join(self._step)
        self._snapshots = [replace(s, step=min(s.step, self._step)) for s in self._snapshots]
        self._pending = [replace(s, step=min(s.step, self._step)) for s in self._pending]

    def _end_cycle(self) -> None:
        if self._pending or self._parameters is not None:
            self._finish_cycle()
        self._step += 1
        self._backwards = 0
        self._optimizers.begin_cycle()
        if self._hooks.armed:
            self._last_cost = self._watching - self._watching_when_armed
        if self._waiting or self._due():
            self._arm()
        elif self._hooks.armed:
            self._disarm()
            self._hooks.forget()
        if self._on_cycle is not None:
            self._on_cycle(self._step)

    def _due(self) -> bool:
        training = time.perf_counter() - (self._began or 0.0) - self._watching
        return self._sampler.due(self._step, self._watching, training, self._last_cost)

    def _finish_cycle(self) -> None:
        """Adds the parameter readings to the cycle's snapshots and delivers them."""
        pending, self._pending = self._pending, []
        reader, self._parameters = self._parameters, None
        if not pending:
            return
        known = bool(self._optimizers)
        with measuring():
            readings = reader.finish(self._optimizers.rates(), known) if reader else ()
        last = {snapshot.stream: i for i, snapshot in enumerate(pending)}
        for i, snapshot in enumerate(pending):
            whole = replace(
                snapshot,
                stream=snapshot.stream if self._optimizers.several else 0,
                parameters=readings if last[snapshot.stream] == i else (),
            )
            self._keep(whole)
            if self._on_snapshot is not None:
                self._on_snapshot(whole)

    def _keep(self, snapshot: Snapshot) -> None:
        """Keeps a snapshot; of very many, every second step between the first and the latest."""
        self._snapshots.append(snapshot)
        if len(self._snapshots) > MOST_KEPT:
            middle = self._snapshots[FIRST_KEPT:-LATEST_KEPT]
            steps = set(sorted({s.step for s in middle})[::2])
            self._snapshots[FIRST_KEPT:-LATEST_KEPT] = [s for s in middle if s.step in steps]

    # --- arming ---------------------------------------------------------------------------------
    def _arm(self) -> None:
        self._waiting = False
        self._watching_when_armed = self._watching
        self._hooks.arm()
        self._stance.enter()

    def _disarm(self) -> None:
        self._hooks.disarm()
        self._stance.leave()

    def _on_evaluation(self) -> None:
        """An evaluation should not run slower than compiled: arm again after the next step.

        Unless each step is followed by one, or every step was asked for.
        """
        if self._stance.active and not self._exact and not self._waited:
            self._disarm()
            self._waiting = self._waited = True

    # --- safety ---------------------------------------------------------------------------------
    def _guard(self, action: Callable[..., None], *arguments: Any) -> None:
        """Runs a part of the recorder; its failure never reaches the user's run."""
        try:
            with self._lock:
                action(*arguments)
        except Exception as error:
            if self._reader == threading.get_ident():
                self._drop_reading()
            if len(self._failures) < MOST_FAILURES:
                self._failures[f"{type(error).__name__}: {error}"] = None
            if self._strict:
                raise RecorderError(f"the recorder failed at step {self._step}: {error}") from error
