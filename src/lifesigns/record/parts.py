"""The parts of a recorder: each does one thing, and most are used around passes and steps alike."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from torch import nn
from torch.optim import Optimizer

from lifesigns.record.attach.followed_thread import TrainingThread
from lifesigns.record.attach.guard import Guard
from lifesigns.record.compiled.calls import CompiledCode
from lifesigns.record.graph.module_calls import ForwardHooks
from lifesigns.record.graph.roots import Roots
from lifesigns.record.measure.latest_sizes import SizeLooks
from lifesigns.record.measure.loaded import Loaded
from lifesigns.record.measure.own_states import OwnStates
from lifesigns.record.measure.rewound import Rewound
from lifesigns.record.measure.stored_data import StoredLooks
from lifesigns.record.pass_reader import PassReader
from lifesigns.record.schedule.clock import Clock
from lifesigns.record.schedule.cycle_end import ByHand, Optimizers
from lifesigns.record.schedule.cycles import Cycles
from lifesigns.record.schedule.evaluation_looks import EvaluationLooks
from lifesigns.record.schedule.evaluations import Evaluations
from lifesigns.record.schedule.functional import Functional
from lifesigns.record.schedule.idle import IdleOptimizers
from lifesigns.record.schedule.loaders import Loaders
from lifesigns.record.schedule.loss_log import LossLog
from lifesigns.record.schedule.rate_log import RateLog
from lifesigns.record.schedule.sampler import Budget, Every
from lifesigns.record.schedule.snapshots import Snapshots
from lifesigns.record.schedule.spikes import Surprise
from lifesigns.records import Quantity, Snapshot


@dataclass(frozen=True)
class Parts:
    """What a recorder is made of."""

    guard: Guard
    """Keeps failures of the recorder from the user's run."""
    clock: Clock
    """How long the run has taken, and how much of that watching took."""
    thread: TrainingThread
    """The one thread whose training is followed."""
    roots: Roots
    """The networks that are trained, and the names of what is in them."""
    hooks: ForwardHooks
    """What ran in the forward pass of an armed cycle."""
    compiled: CompiledCode
    """What of it ran compiled."""
    optimizers: Optimizers
    """The optimizers, and which have stepped in this cycle."""
    by_hand: ByHand
    """Whether a step was made by hand, where there is no optimizer."""
    idle: IdleOptimizers
    """Optimizers that exist and make no step."""
    cycles: Cycles
    """The step of training that is going on, and whether it is recorded."""
    losses: LossLog
    """The loss of every backward pass."""
    surprise: Surprise
    """Which of them are worth recording on the spot."""
    rates: RateLog
    """The learning rates."""
    evaluations: Evaluations
    """When they were put in evaluation mode."""
    looks: EvaluationLooks
    """How they are evaluated."""
    sizes: SizeLooks
    """How large their weights are in the end."""
    loaded: Loaded
    """What was loaded into networks."""
    rewound: Rewound
    """Whether their first weights were."""
    own_states: OwnStates
    """Whether what was loaded was theirs already."""
    loaders: Loaders
    """How often data were begun."""
    stored: StoredLooks
    """Whether the data were changed."""
    functional: Functional
    """Which calls of `torch.autograd.grad` train."""
    reader: PassReader
    """Reads the backward passes of a recorded cycle."""
    snapshots: Snapshots
    """What was read: of this cycle, and of those before."""


def assemble(
    model: nn.Module | None,
    optimizers: Iterable[Optimizer],
    *,
    every: int | None,
    budget: float,
    strict: bool,
    needs: Collection[Quantity],
    on_snapshot: Callable[[Snapshot], None] | None,
    on_cycle: Callable[[int], None] | None,
) -> Parts:
    """The parts, each told of those it needs; the arguments are those of `Recorder`."""

    def give_up() -> None:
        if thread.is_here:
            reader.drop()

    guard, clock, thread, roots = Guard(strict, give_up), Clock(), TrainingThread(), Roots(model)
    hooks, losses, by_hand = ForwardHooks(guard), LossLog(), ByHand()
    compiled = CompiledCode(hooks, guard)
    reader = PassReader(roots, hooks, compiled, losses, thread, needs)
    sampler = Every(every) if every else Budget(budget)
    return Parts(
        guard,
        clock,
        thread,
        roots,
        hooks,
        compiled,
        Optimizers(optimizers),
        by_hand,
        IdleOptimizers(),
        Cycles(sampler, (hooks, compiled), clock, on_cycle),
        losses,
        Surprise(),
        RateLog(),
        Evaluations(),
        EvaluationLooks(guard, roots, reader.shown, reader.looks.averages, clock),
        SizeLooks(roots.parameters),
        Loaded(),
        Rewound(),
        OwnStates(),
        Loaders(),
        StoredLooks(),
        Functional(losses, by_hand),
        reader,
        Snapshots(on_snapshot),
    )
