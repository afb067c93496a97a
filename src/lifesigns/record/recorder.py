"""The recorder: attaches to a training, and tells what was seen of it.

What happens around a backward pass is in `around_backward`; what happens when an optimizer steps,
and where a cycle ends, in `steps`. Both work with the same parts, which `parts` lists.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lifesigns.record.around_backward import AroundBackward
from lifesigns.record.attach import backward as _backward
from lifesigns.record.attach.noted_method import (
    AVERAGING,
    BEGINNING,
    EVALUATION,
    INFERENCE,
    LOADING,
    NO_GRADIENTS,
    SWITCHING,
    TELLING,
    WAITING,
    NotedMethod,
    Place,
)
from lifesigns.record.measure import kernel
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.parts import assemble
from lifesigns.record.quiet import Quiet
from lifesigns.record.schedule.streams import MOST_STREAMS
from lifesigns.record.schedule.taken import Taken
from lifesigns.record.steps import Steps
from lifesigns.record.stretch import Stretch
from lifesigns.records import EVERYTHING, Cost, LossCurve, Quantity, Snapshot, Trace


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
        self._parts = assemble(
            model,
            optimizers,
            every=every,
            budget=budget,
            strict=strict,
            needs=needs,
            on_snapshot=on_snapshot,
            on_cycle=on_cycle,
        )
        self._stretch = Stretch(self._parts)
        self._quiet = Quiet(self._parts, self._stretch)
        self._steps = Steps(self._parts, self._quiet, self._stretch)
        self._around_backward = AroundBackward(
            self._parts, self._steps, self._quiet, self._stretch, self._leave_child
        )
        self._methods: tuple[tuple[NotedMethod, Callable[..., Any]], ...] = (
            (EVALUATION, self._evaluates),
            (LOADING, self._loads),
            (TELLING, self._tells),
            (BEGINNING, self._begins),
            (AVERAGING, self._averages),
            (WAITING, self._waits),
        )
        self._is_looking, self._are_sized = Quantity.LOSS in needs, Quantity.PARAMETERS in needs
        if self._is_looking:
            self._methods += ((NO_GRADIENTS, self._enters), (INFERENCE, self._enters))
            self._methods += ((SWITCHING, self._switches),)

    # --- life -----------------------------------------------------------------------------------
    def start(self) -> None:
        """Attaches: the first cycle is always recorded."""
        kernel.program()  # looked for here, not within a step
        _backward.listen(self._around_backward)
        for method, listener in self._methods:
            method.listen(listener)
        self._steps.attach()
        self._parts.compiled.attach()
        self._parts.cycles.start()

    def stop(self) -> None:
        """Detaches; nothing of the recorder is left behind. May be called twice."""
        if not self._steps.is_attached:
            return
        self._detach()
        parts = self._parts
        if parts.thread.is_elsewhere:
            parts.reader.forget_parameters()
        try:
            parts.guard(self._finish)
        finally:
            parts.clock.end()
            parts.cycles.step += bool(parts.cycles.passes and not parts.optimizers.names)

    def _finish(self) -> None:
        self._around_backward.end()
        self._steps.finish_cycle()
        if self._are_sized and self._parts.thread.is_here:
            self._parts.sizes.look(self._parts.cycles.step, is_last=True)

    def _leave_child(self) -> None:
        """In a forked child: what happens there is not this run."""
        self._parts.guard.renew()
        self._detach()
        self._parts.guard.give_up()

    def _detach(self) -> None:
        _backward.stop_listening(self._around_backward)
        for method, listener in self._methods:
            method.stop_listening(listener)
        self._steps.detach()
        self._quiet.close()
        self._parts.looks.close()
        self._parts.cycles.stop()
        self._parts.compiled.detach()

    def _evaluates(self, module: nn.Module, *_: Any) -> None:
        """A module was put in evaluation mode."""
        wrapper = sys._getframe(1)
        self._parts.guard(self._note_evaluation, module, wrapper.f_back or wrapper)

    def _averages(self, module: nn.Module, *_: Any, **__: Any) -> None:
        """An average of weights is made."""
        self._parts.guard(self._note_average, module)

    def _note_average(self, module: nn.Module) -> None:
        self._parts.reader.looks.averages.note(module)

    def _note_evaluation(self, module: nn.Module, frame: FrameType) -> None:
        self._parts.reader.looks.averages.note(module)
        self._parts.loaded.evaluates(module)
        if self._parts.thread.is_here and self._parts.roots.are_in(module):
            self._parts.evaluations.note(self.steps)
            self._parts.rewound.evaluates(self.steps)
            if self._is_looking:
                self._look(frame)
            if self._parts.evaluations.is_among_the_first:  # is it trained in that mode?
                self._quiet.close()
                self._parts.cycles.ask(surely=1)

    def _enters(self, place: Place, frame: FrameType) -> bool:
        """Gradients are switched off; returns whether nothing more is to be seen at this place."""
        self._parts.guard(self._look, frame)
        return self._parts.looks.is_done(place)

    def _switches(self, place: Place, frame: FrameType) -> bool:
        """Gradients are switched on or off; returns as `_enters`."""
        return not torch.is_grad_enabled() and self._enters(place, frame)

    def _look(self, frame: FrameType) -> None:
        if self._parts.thread.is_here:
            self._parts.looks.begins(frame, self.steps)
            if self._are_sized:
                self._parts.sizes.look(self.steps)

    def _tells(self, module: nn.Module, result: Any, *parts: Any, **options: Any) -> None:
        """A module has told its state; its parts are asked with a `destination`."""
        if not parts and options.get("destination") is None:
            self._parts.guard(self._note_state, module, result)

    def _note_state(self, module: nn.Module, state: Any) -> None:
        trained = self._parts.reader.trained
        self._parts.own_states.taken(module, state, self.steps, trained)

    def _loads(
        self,
        module: nn.Module,
        result: Any,
        state_dict: Any,
        strict: bool = True,
        assign: bool = False,
        *_: Any,
        **__: Any,
    ) -> None:
        """A module was given a checkpoint: its numbers, or the very tensors (`assign`)."""
        self._parts.guard(self._note_loading, module, result, state_dict, assign)

    def _note_loading(
        self, module: nn.Module, result: Any, state_dict: Any, assigned: bool
    ) -> None:
        loaded, trained = self._parts.loaded, self._parts.reader.trained
        self._parts.rewound.note(module, self.steps, self._parts.looks.have_tested(self.steps))
        if not assigned:
            self._parts.own_states.loaded(module, state_dict, self.steps, trained)
        with measuring():
            loaded.note(
                module,
                result.missing_keys,
                result.unexpected_keys,
                state_dict,
                trained,
            )
        if loaded.is_pending:
            self._quiet.close()
        if loaded.asks:
            self._parts.cycles.ask()

    def _waits(self, scheduler: Any, _: Any, metrics: Any, *__: Any, **___: Any) -> None:
        """A schedule that waits for a plateau was given a number."""
        self._parts.guard(self._parts.reader.plateaus.note, scheduler, metrics)

    def _begins(self, loader: Any, *_: Any) -> None:
        """A loader of data is asked for its first batch."""
        self._parts.guard(self._note_beginning, loader)

    def _note_beginning(self, loader: Any) -> None:
        if self._parts.thread.is_here:
            self._parts.loaders.note(loader, self.steps)
            self._parts.stored.note(loader, self.steps)

    # --- what was seen --------------------------------------------------------------------------
    @property
    def steps(self) -> int:
        """Completed cycles."""
        self._stretch.tell()
        return self._parts.cycles.step

    def trace(self, start: int = 0) -> Trace:
        """Everything recorded so far.

        Args:
            start: Of the losses, the number of the first row; the rows before it are left out.
        """
        parts = self._parts
        return Trace(
            snapshots=tuple(s for taken in parts.snapshots.kept if (s := self._made(taken))),
            losses=self._losses(start),
            steps=self.steps,
            optimizers=parts.optimizers.names or parts.roots.optimizers(),
            unreached=tuple(parts.reader.unreached.readings()),
            left_out=tuple(parts.reader.left_out_tensors.readings()),
            idle=parts.idle.names,
            standing=tuple(parts.reader.looks.copies.standing()),
            bare_averages=tuple(parts.reader.looks.averages.bare()),
            loads=parts.loaded.loads(),
            sizes=parts.sizes.latest(),
            rewind=parts.rewound.rewind(),
            own_load=parts.own_states.load,
            rounded_eps=parts.optimizers.rounded,
            long_momenta=parts.optimizers.long_momenta,
            weight_decay=parts.optimizers.weight_decay,
            loaders=parts.loaders.loaders(),
            stored=tuple(parts.stored.stored()),
            rates=parts.rates.curve(),
            plateau=parts.reader.plateaus.plateau,
            evaluated=parts.evaluations.steps(),
            evaluations=parts.looks.passes(),
            unseen=tuple(self._unseen()),
            severed=parts.losses.severed,
            cost=self.cost(),
            recorded=parts.snapshots.kept.recorded,
        )

    def unlocked(self) -> AbstractContextManager[None]:
        """A context in which a function of the user may wait for another thread that trains."""
        return self._parts.guard.unlocked()

    def cost(self) -> Cost:
        """What watching has cost so far."""
        self._stretch.tell()
        return self._parts.clock.cost()

    def _made(self, taken: Taken) -> Snapshot | None:
        """A snapshot in memory; None if it cannot be made, which is a failure of ours."""
        try:
            return taken.snapshot()
        except Exception as error:
            self._parts.guard.failed(error)
            return None

    def _losses(self, start: int) -> LossCurve:
        self._parts.losses.catch_up(self.steps)
        return self._parts.losses.curve(start)

    def _unseen(self) -> Iterable[str]:
        parts = self._parts
        losses = parts.losses
        yield from (f"the recorder failed: {text}" for text in parts.guard.failures)
        if self.steps and not losses and not losses.severed:
            by_name = " (`backward` may have been imported by name before watching began)"
            yield (
                "optimizers stepped but no backward pass went through torch.autograd.backward"
                + ("" if parts.functional.left_out else by_name)
            )
        yield from parts.functional.unseen()
        if parts.reader.unrelated:
            yield f"{parts.reader.unrelated} backward passes did not lead to the watched model"
        if parts.thread.left_out:
            yield (
                f"{parts.thread.left_out} backward passes in other threads: "
                "the training of one thread at a time is followed"
            )
        if losses.pooled:
            yield (
                f"{losses.pooled} losses that came after {MOST_STREAMS} others: so many curves are "
                "told apart, the rest was not judged"
            )
        if losses.unread:
            yield f"{losses.unread} backward passes of losses whose value cannot be read"
        yield from parts.reader.left_out()
