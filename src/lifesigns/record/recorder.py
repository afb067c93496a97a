"""The recorder: decides which steps to record, records them, and keeps the loss of every step.

A cycle is one step of training: everything until every known optimizer has stepped (several
backward passes for a GAN or gradient accumulation); without an optimizer, one backward pass. At the
end of a cycle the recorder decides whether the next one is due and arms the forward hooks for it.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from lifesigns._errors import RecorderError
from lifesigns.record import _backward
from lifesigns.record._compiled import EagerStance
from lifesigns.record.forward import Forward, ForwardHooks
from lifesigns.record.parameters import ParameterReader
from lifesigns.record.reading import Reading
from lifesigns.record.reduce import measuring
from lifesigns.record.roots import Roots, root_inputs
from lifesigns.record.sampler import Budget, Every
from lifesigns.record.structures import Structures
from lifesigns.record.terms import root_factor
from lifesigns.record.walk import Walk, walk
from lifesigns.records import Cost, LossCurve, Snapshot, Trace

SPIKE = 10.0
"""A finite loss this many times its running mean is recorded on the spot."""
MOST_ON_THE_SPOT = 4
_STALE_STEPS = 50
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
        self._strict, self._on_snapshot, self._on_cycle = strict, on_snapshot, on_cycle
        self._roots, self._structures = Roots(model), Structures()
        self._optimizers: dict[int, weakref.ref[Optimizer]] = {
            id(o): weakref.ref(o) for o in optimizers
        }
        self._optimizer_names = [type(o).__name__ for o in optimizers]
        self._hooks = ForwardHooks(self._on_evaluation)
        self._stance = EagerStance()
        self._step_hook: Any = None
        self._snapshots: list[Snapshot] = []
        self._failures: list[str] = []
        self._losses: list[tuple[int, int, float | Tensor]] = []
        self._step, self._backwards = 0, 0
        self._stepped: dict[int, int] = {}
        self._waiting = False
        self._streams: dict[frozenset[int], int] = {}
        self._positions: list[int] = []
        self._reading: Reading | None = None
        self._pending: list[Snapshot] = []
        self._parameters: ParameterReader | None = None
        self._depth, self._mean, self._on_the_spot = 0, math.nan, 0
        self._watching = self._watching_when_armed = self._last_cost = 0.0
        self._began: float | None = None
        self._ended: float | None = None
        self._unrelated = 0

    # --- life -----------------------------------------------------------------------------------
    def start(self) -> None:
        """Attaches: the first cycle is always recorded."""
        _backward.listen(self)
        self._step_hook = register_optimizer_step_post_hook(self._optimizer_stepped)
        self._arm()

    def stop(self) -> None:
        """Detaches; nothing of the recorder is left behind. May be called twice."""
        if self._step_hook is None:
            return
        self._guard(self._finish_cycle)
        self._ended = time.perf_counter()
        _backward.stop_listening(self)
        self._step_hook.remove()
        self._step_hook = None
        self._disarm()
        self._hooks.forget()

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
            optimizers=tuple(self._optimizer_names),
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
        rows = self._losses[start:]
        streams = [s if len(self._optimizers) > 1 else 0 for _, s, _ in rows]
        return LossCurve(
            np.array([step for step, _, _ in rows], np.int64),
            np.array([float(value) for _, _, value in rows], np.float64),
            np.array(streams, np.int64),
        )

    def _unseen(self) -> Iterable[str]:
        yield from dict.fromkeys(f"the recorder failed: {text}" for text in self._failures)
        if self._step and not self._losses:
            yield (
                "optimizers stepped but no backward pass went through torch.autograd.backward "
                "(torch.autograd.grad, or `backward` imported by name before watching began)"
            )
        if self._unrelated:
            yield f"{self._unrelated} backward passes did not lead to the watched model"

    # --- around backward ------------------------------------------------------------------------
    def before_backward(self, tensors: Any) -> None:
        """Notes the loss; on a recorded step reads the graph and hooks it."""
        began = time.perf_counter()
        if self._began is None:
            self._began = self._hooks.first_event or began
        nested = torch._C._current_graph_task_id() != -1
        self._depth += nested
        self._guard(self._before_nested if nested else self._before, tensors)
        self._watching += time.perf_counter() - began

    def after_backward(self) -> None:
        """Packs what was recorded."""
        began = time.perf_counter()
        if self._depth:
            self._depth -= 1
        else:
            self._backwards += 1
            if self._reading is not None:
                self._guard(self._after)
        self._watching += time.perf_counter() - began

    def _before(self, tensors: Any) -> None:
        if self._hooks.armed:
            self._stance.leave()
        if self._backwards and not self._optimizers:
            self._end_cycle()
        losses = _with_graph(tensors)
        scale = root_factor(losses[0].grad_fn) if losses else 1.0
        value = _value(losses)
        number = self._positions[self._backwards] if self._backwards < len(self._positions) else 0
        if isinstance(value, float):
            value /= scale
        self._losses.append((self._step, number, value))
        reason = self._reason(value)
        if reason and losses:
            with measuring():
                self._reading = self._read(losses, value, scale, reason)

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
            forward = self._named_forward(walked)
            if not self._roots.is_reached(walked, forward):
                self._unrelated += 1
                return None
            self._note_stream(walked)
        names = [self._roots.name(leaf, k) for k, leaf in enumerate(walked.leaves)]
        self._read_parameters(walked, names)
        return Reading(
            walked,
            self._structures.condense(walked, forward, names),
            value=float(value),
            scale=scale,
            inputs=root_inputs(walked, forward),
            leaf_names=names,
            reason=reason,
        )

    def _named_forward(self, walked: Walk) -> Forward:
        """The module calls of this step; another root changes the names of all sites."""
        before = self._roots.count
        forward = self._roots.forward(walked, self._hooks.calls())
        if self._roots.count != before:
            self._structures = Structures()
        return forward

    def _note_stream(self, walked: Walk) -> None:
        """Backward passes that reach the same parameters belong to one loss curve."""
        key = frozenset(id(leaf) for leaf in walked.leaves)
        number = self._streams.setdefault(key, len(self._streams))
        self._positions = [*self._positions[: self._backwards], number]
        step, _, value = self._losses[-1]
        self._losses[-1] = (step, number, value)

    def _read_parameters(self, walked: Walk, names: list[str]) -> None:
        if self._parameters is None:
            named = {**self._roots.parameters(), **dict(zip(names, walked.leaves, strict=True))}
            self._parameters = ParameterReader(named, walked.leaves)
        else:
            self._parameters.reach(walked.leaves)

    def _before_nested(self, tensors: Any) -> None:
        """A reentrant checkpoint runs backward on a recomputed piece of the same step."""
        losses = _with_graph(tensors)
        if self._reading is None or not losses:
            return
        walked = walk(losses)
        names = [self._roots.name(leaf, k) for k, leaf in enumerate(walked.leaves)]
        if self._parameters is not None:
            self._parameters.reach(walked.leaves)
        forward = self._named_forward(walked) if self._hooks.armed else Forward()
        self._reading.extend(walked, self._structures.condense(walked, forward, names))

    def _after(self) -> None:
        reading, self._reading = self._reading, None
        if reading is None:
            return
        reading.unhook()
        with measuring():
            self._pending.append(reading.snapshot(self._step, self._losses[-1][1]))
            if self._parameters is not None:
                self._parameters.gradients(reading.scale)

    # --- cycles ---------------------------------------------------------------------------------
    def _optimizer_stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        began = time.perf_counter()
        self._guard(self._note_step, optimizer)
        self._watching += time.perf_counter() - began

    def _note_step(self, optimizer: Optimizer) -> None:
        key = id(optimizer)
        if key not in self._optimizers:
            if not self._roots.are_trained_by(optimizer):
                return
            self._join_cycles(first=0 if not self._optimizers else self._step - 1)
            self._stepped = dict.fromkeys(self._optimizers, 1)
            self._optimizers[key] = weakref.ref(optimizer)
            self._optimizer_names.append(type(optimizer).__name__)
        self._stepped[key] = self._stepped.get(key, 0) + 1
        if self._parameters is not None:
            self._parameters.stepped(p for g in optimizer.param_groups for p in g["params"])
        if len(self._optimizers) > 1:
            self._forget_idle_optimizers(self._stepped[key])
        if self._stepped.keys() >= self._optimizers.keys():
            self._end_cycle()

    def _join_cycles(self, first: int) -> None:
        """What was counted as cycles of their own since `first` is one.

        The backward passes before the first optimizer stepped were micro-batches; an optimizer that
        steps for the first time belongs to the cycle the others have just stepped in.
        """
        self._step = min(self._step, max(first, 0))
        self._losses = [(min(s, self._step), stream, value) for s, stream, value in self._losses]
        self._snapshots = [replace(s, step=min(s.step, self._step)) for s in self._snapshots]
        self._pending = [replace(s, step=min(s.step, self._step)) for s in self._pending]

    def _forget_idle_optimizers(self, steps: int) -> None:
        """An optimizer that is gone, or never steps again, must not keep the cycle open."""
        for key, ref in list(self._optimizers.items()):
            if ref() is None or (key not in self._stepped and steps > _STALE_STEPS):
                del self._optimizers[key]

    def _end_cycle(self) -> None:
        if self._pending or self._parameters is not None:
            self._finish_cycle()
        self._step += 1
        self._backwards = 0
        self._stepped.clear()
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
        with measuring():
            readings = reader.finish(self._rates(), bool(self._optimizers)) if reader else ()
        last = {snapshot.stream: i for i, snapshot in enumerate(pending)}
        for i, snapshot in enumerate(pending):
            whole = replace(
                snapshot,
                stream=snapshot.stream if len(self._optimizers) > 1 else 0,
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

    def _rates(self) -> dict[int, float]:
        rates: dict[int, float] = {}
        for ref in self._optimizers.values():
            optimizer = ref()
            for group in optimizer.param_groups if optimizer is not None else ():
                rates.update({id(p): float(group.get("lr", math.nan)) for p in group["params"]})
        return rates

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
        """An evaluation must not run slower than compiled: arm again after the next step."""
        if self._stance.active:
            self._disarm()
            self._waiting = True

    # --- safety ---------------------------------------------------------------------------------
    def _guard(self, action: Callable[..., None], *arguments: Any) -> None:
        """Runs a part of the recorder; its failure never reaches the user's run."""
        try:
            action(*arguments)
        except Exception as error:
            if self._reading is not None:
                self._reading.unhook()
                self._reading = None
            self._failures.append(f"{type(error).__name__}: {error}")
            if self._strict:
                raise RecorderError(f"the recorder failed at step {self._step}: {error}") from error


def _with_graph(tensors: Any) -> list[Tensor]:
    """Those of the tensors passed to `backward` that lead to a graph."""
    if isinstance(tensors, Tensor):
        return [tensors] if tensors.grad_fn is not None else []
    given = tensors if isinstance(tensors, Sequence) else ()
    return [t for t in given if isinstance(t, Tensor) and t.grad_fn is not None]


def _value(losses: list[Tensor]) -> float | Tensor:
    """Sum of the scalar losses: a number on the CPU, left on the device elsewhere."""
    if len(losses) == 1 and losses[0].is_cpu and losses[0].numel() == 1:
        return float(losses[0].item())
    scalars = [loss.detach() for loss in losses if loss.numel() == 1]
    if not scalars:
        return math.nan
    total = torch.stack([s.reshape(()).float() for s in scalars]).sum()
    return float(total) if total.device.type == "cpu" else total
