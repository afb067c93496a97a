"""The backward passes of a recorded cycle: their graphs, and the parameters they lead to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from lifesigns.record.attach.backward import GradCall
from lifesigns.record.attach.followed_thread import TrainingThread
from lifesigns.record.compiled.calls import CompiledCode
from lifesigns.record.compiled.graft import Repeated, repeat_compiled
from lifesigns.record.graph.known_graphs import Structures
from lifesigns.record.graph.module_calls import Forward, ForwardHooks, Inputs
from lifesigns.record.graph.products import by_columns
from lifesigns.record.graph.roots import Places, Roots, root_inputs
from lifesigns.record.graph.walk import Walk, walk
from lifesigns.record.looks import Looks, Seen
from lifesigns.record.loss.derivatives import Derivatives
from lifesigns.record.loss.likeness import likeness
from lifesigns.record.measure.by_program import numbers_for
from lifesigns.record.measure.large import lookups
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.mixing import MixingReader
from lifesigns.record.measure.parameters import ParameterReader, Trained
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.shown import Shown
from lifesigns.record.measure.unreached import Unreached
from lifesigns.record.measure.watched_parameter import ReadParameters
from lifesigns.record.reading import Reading
from lifesigns.record.schedule.cycle_end import held_twice
from lifesigns.record.schedule.left_out import LeftOut
from lifesigns.record.schedule.loss_log import LossLog
from lifesigns.record.schedule.plateaus import Plateaus
from lifesigns.record.schedule.taken import Taken
from lifesigns.records import EVERYTHING, Quantity
from lifesigns.records.merging import SHARDS

NAMED = 4
"""Parameters that could not be read, of which the report gives the names."""


class PassReader:
    """Reads backward passes, one at a time, and tells which loss curve each belongs to.

    Args:
        roots: The networks that are trained.
        hooks: What ran in the forward pass.
        compiled: What of it ran compiled.
        losses: The loss curves.
        thread: The thread that is followed; only in it is anything read.
        needs: What is measured in a pass.
    """

    def __init__(
        self,
        roots: Roots,
        hooks: ForwardHooks,
        compiled: CompiledCode,
        losses: LossLog,
        thread: TrainingThread,
        needs: Collection[Quantity] = EVERYTHING,
    ) -> None:
        self._roots, self._hooks, self._losses, self._thread = roots, hooks, losses, thread
        self._compiled, self._needs = compiled, needs
        self._repeated: Repeated | None = None
        self._structures, self._mixing = Structures(), MixingReader(needs)
        self._parameters: ParameterReader | None = None
        self._numbers, self._pack = numbers_for(needs), Pack()
        self._looked_up: Mapping[int, Tensor] = {}
        self._latest = -1.0
        self.trained = Trained()
        """Parameters that earlier cycles reached."""
        self.derivatives = Derivatives()
        """Derivatives by data that the step has taken."""
        self.plateaus = Plateaus()
        """What a schedule that waits for a plateau was given."""
        self.looks = Looks()
        """What is looked at beside the sites."""
        self.shown = Shown()
        """The network that batches are given to."""
        self.unreached = Unreached()
        """Parameters that are held by an optimizer and in no graph."""
        self.left_out_tensors = LeftOut()
        """Tensors that are used as parameters and in no optimizer."""
        self.reading: Reading | None = None
        """The backward pass that is being read."""
        self.unreadable: dict[str, str] = {}
        """Parameters whose weight or gradient could not be read, and why."""
        self.sampled: dict[str, str] = {}
        """Weights of which some rows were read, and how many."""
        self.sharded: dict[str, str] = {}
        """Parameters of which other ranks hold the rest, and how many parts there are."""
        self.unrelated = 0
        """Backward passes that did not lead to the watched model."""

    def concern(self, losses: list[Tensor]) -> bool:
        """Whether losses lead to the model that is to be watched.

        Args:
            losses: What was passed to `backward`, each with a graph.
        """
        if not self._roots.fixed:
            return True
        walked = walk(losses)
        return self._roots.is_reached(walked, self._roots.forward(walked, self._hooks.calls()))

    def read(
        self,
        losses: list[Tensor],
        position: int,
        value: float | Tensor,
        scale: float,
        reason: str,
        inputs: Iterable[Any] | None = None,
    ) -> None:
        """Reads the graph of `losses` and hooks it, if it concerns the model.

        Args:
            losses: What was passed to `backward`.
            position: Number of the pass in its cycle.
            value: The loss, scaling undone.
            scale: What it was scaled by.
            reason: Why it is read.
            inputs: What alone gets a gradient; None for all leaves.
        """
        with measuring():
            walked, forward = walk(losses), Forward()
            if self._hooks.armed:
                forward = self._roots.forward(walked, self._hooks.calls())
                forward.since = self._latest
                if not self._relates(walked, forward, position):
                    return
            else:
                self._roots.learn(walked)
            self._latest = walked.numbers[-1] if len(walked) else self._latest
            self._thread.follow()
            names = self._names(walked)
            wanted = {id(leaf) for leaf in (walked.leaves if inputs is None else inputs)}
            self._read_parameters(
                walked, names, wanted, from_start=self._hooks.armed or not position
            )
            self._looked_up = lookups(walked)
            repeated = self._repeated = self._repeat_compiled(losses, walked, forward, names)
            condensed = self._structures.condense(repeated.walked, forward, names)
            ends = root_inputs(repeated.walked, forward)
            if inputs is None:
                self._follow_tensors(walked, ends)
            mixing = self._mixing.ask(repeated.walked, condensed, ends, position)
            self.reading = Reading(
                repeated.walked,
                condensed,
                forward,
                value=float(value),
                scale=scale,
                inputs=ends,
                leaf_names=names,
                reason=reason,
                needs=self._needs,
                repeated=len(repeated.repetitions),
                obstacles=repeated.obstacles,
                mixing=mixing,
                pack=self._pack,
            )
            features, self.reading.features = self.reading.features, None
            if features is not None:
                number = self.shown.note(ends.network, *features)
                self.reading.mark({"network": float(number)} if number > 0 else {}, None)
            self.reading.mark({"scaled_by": scale} if scale != 1 else {}, None)
            with self.reading.part("derivatives by the data"):
                left_out = self.derivatives.left_out(walked, forward)
                self.reading.mark({}, None if left_out is None else left_out.wait(self._pack))
                self.reading.mark({}, self.derivatives.twice.wait(self._pack))
            self.derivatives.forget()
            networks = self._roots.networks()
            seen = Seen(
                self._pack, repeated.walked, condensed, forward, ends, networks, self._hooks
            )
            for look in self.looks.due(seen, position):
                self.reading.look(look, seen)

    def derived(self, call: GradCall, results: tuple[Tensor | None, ...]) -> None:
        """Notes a call of `torch.autograd.grad` in a step that is recorded.

        Args:
            call: It asks for derivatives by leaves that are no parameters.
            results: What it returned.
        """
        self.left_out_tensors.asked(call.inputs)
        self.derivatives.note(call, results)

    def read_nested(self, losses: list[Tensor]) -> None:
        """A reentrant checkpoint runs backward on a recomputed piece of the same step.

        Args:
            losses: What was passed to the inner `backward`.
        """
        if self.reading is None or not losses:
            return
        self._looked_up = {}  # the piece may use a table again
        with measuring():
            walked = walk(losses)
            names = self._names(walked)
            if self._parameters is not None:
                self._parameters.reach(names)
            armed = self._hooks.armed
            forward = self._roots.forward(walked, self._hooks.calls()) if armed else Forward()
            condensed = self._structures.condense(walked, forward, names)
            self.reading.extend(walked, condensed, forward)

    def notice(self, losses: list[Tensor], position: int) -> None:
        """Tells which loss curve an unrecorded pass belongs to, the first at its position.

        Args:
            losses: What was passed to `backward`, each with a graph.
            position: Number of the pass in its cycle.
        """
        if not self._losses.knows(position):
            self._relates(walk(losses), Forward(), position)

    def finish(
        self, step: int, *, succeeded: bool, returned: Mapping[int, Tensor] | None = None
    ) -> tuple[Reading, Taken] | None:
        """Ends the pass that is being read, with what was read of it.

        Args:
            step: Number of the cycle.
            succeeded: Whether `backward` has returned rather than raised.
            returned: The gradients by `id` of the parameter, if they were returned.

        Returns:
            None if no pass is being read.
        """
        repeated, self._repeated = self._repeated, None
        looked_up, self._looked_up = self._looked_up, {}
        reading = self.reading
        if reading is None:
            return None
        if repeated is not None:
            reading.failures.extend(repeated.backward() if succeeded else ())
            repeated.unhook()
        self.drop()
        with measuring():
            read = reading.end(succeeded=succeeded)
            taken = Taken(step, self._losses.newest, read.size, read.is_notable, make=read.snapshot)
            if not succeeded:
                self._parameters = None
            elif self._parameters is not None:
                self._parameters.follow(self._roots.parameters)
                self._parameters.gradients(reading.scale, returned=returned, looked_up=looked_up)
        return reading, taken

    def drop(self) -> Reading | None:
        """Ends the pass that is being read; its hooks are gone."""
        repeated, self._repeated = self._repeated, None
        if repeated is not None:
            repeated.unhook()
        reading, self.reading = self.reading, None
        if reading is not None:
            reading.unhook()
        return reading

    def stepped(self, optimizer: Optimizer, *, inside: bool) -> None:
        """Notes an optimizer's step, possibly inside the backward pass.

        Args:
            optimizer: The one that has stepped.
            inside: Whether it stepped inside a backward pass.
        """
        if self._parameters is None:
            return
        scale = self.reading.scale if inside and self.reading is not None else None
        held = [p for group in optimizer.param_groups for p in group["params"]]
        with measuring():
            self._parameters.stepped(held, scale)

    def finish_parameters(
        self, rates: Mapping[int, float], optimizers: Collection[Optimizer]
    ) -> ReadParameters:
        """What was read of the cycle's parameters; see `ParameterReader.finish`.

        Args:
            rates: Learning rate by `id` of the parameter.
            optimizers: All that are alive.
        """
        reader, self._parameters = self._parameters, None
        if reader is None:
            self.left_out_tensors.forget()
            return ReadParameters()
        with measuring():
            read = reader.finish(rates, bool(optimizers), held_twice(optimizers))
            read.note_ungraded(self._hooks.ungraded.held)
            if self._thread.is_alone:
                place = Places(call.module() for call in self._hooks.calls() if not call.depth)
                self.unreached.look(optimizers, rates, reader.seen, place)
                self.left_out_tensors.look(rates, are_known=bool(optimizers))
            self.left_out_tensors.forget()
        self.unreadable.update(reader.unreadable)
        self.sampled.update(reader.sampled)
        self.sharded.update(reader.sharded)
        return read

    def forget_parameters(self) -> None:
        """The cycle has nothing to add them to."""
        self._parameters = None
        self.left_out_tensors.forget()

    def left_out(self) -> Iterator[str]:
        """What was not read on purpose, and what of the parameters could not be, in sentences."""
        if self._mixing.hindrance:
            yield f"whether samples are mixed: {self._mixing.hindrance}"
        if spared := [quantity.value for quantity in Quantity if quantity not in self._needs]:
            yield f"{', '.join(spared)}: not measured, as no rule that was asked needs it"
        kinds = {
            "values": self.unreadable,
            "all rows": self.sampled,
            SHARDS: self.sharded,
        }
        for what, those in kinds.items():
            if names := [f"{name} ({why})" for name, why in those.items()]:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                yield f"{what} of parameters: {', '.join(names[:NAMED])}{more}"

    def _follow_tensors(self, walked: Walk, ends: Inputs) -> None:
        """Looks for tensors that are used as parameters, beside the batch and the output."""
        output = None if ends.prediction is None else ends.prediction.value
        self.left_out_tensors.begin(walked, self._roots.name, (ends.batch, ends.widest, output))

    def _names(self, walked: Walk) -> list[str]:
        return [self._roots.name(leaf, k) for k, leaf in enumerate(walked.leaves)]

    def _repeat_compiled(
        self, losses: list[Tensor], walked: Walk, forward: Forward, names: list[str]
    ) -> Repeated:
        by_id = {id(leaf): name for leaf, name in zip(walked.leaves, names, strict=True)}
        return repeat_compiled(losses, walked, self._compiled.calls(), forward, by_id)

    def _relates(self, walked: Walk, forward: Forward, position: int) -> bool:
        """Notes which loss curve a backward pass belongs to; whether it concerns the model."""
        if not self._roots.is_reached(walked, forward):
            self.unrelated += 1
            self._losses.drop_unrelated(position)
            return False
        self._thread.follow()
        self._losses.note(position, likeness(walked))
        return True

    def _read_parameters(
        self, walked: Walk, names: list[str], wanted: Set[int], *, from_start: bool
    ) -> None:
        named_leaves = zip(names, walked.leaves, strict=True)
        found = [(name, leaf) for name, leaf in named_leaves if id(leaf) in wanted]
        reached = [name for name, _ in found]
        of_data = len({isinstance(leaf, nn.Parameter) for _, leaf in found}) > 1
        if self._parameters is not None:
            self._parameters.begin_pass(reached, asks_of_data=of_data)
            return
        named = self._roots.parameters(listed=self._hooks.armed)
        for name, leaf in zip(names, walked.leaves, strict=True):
            lent = not isinstance(leaf, nn.Parameter)  # by `functional_call`: its own has no part
            if lent or name not in named:  # a parameter is another's while FSDP has it gathered
                named[name] = leaf
        self._parameters = ParameterReader(
            named,
            reached,
            lambda: self._thread.is_alone,
            asks_of_data=of_data,
            from_start=from_start,
            needs=self._needs,
            numbers=self._numbers,
            trained=self.trained,
            by_columns=by_columns(walked),
        )
