"""What of a cycle is recorded: the states of `Cycles`, and that nothing is armed once stopped."""

import torch
from torch import nn
from torch.nn.modules import module as module_hooks

from lifesigns.record.recorder import Recorder
from lifesigns.record.schedule.clock import DISPATCH, IDLE_STEPS, TIMED, Clock
from lifesigns.record.schedule.cycles import Cycles, State
from lifesigns.record.schedule.sampler import Every


class Noted:
    """An instrument that keeps what it was told."""

    def __init__(self):
        self.told = []

    def arm(self):
        self.told.append("arm")

    def disarm(self):
        self.told.append("disarm")

    def forget(self):
        self.told.append("forget")


def started(every=3):
    instrument = Noted()
    cycles = Cycles(Every(every), (instrument,), Clock())
    cycles.start()
    return cycles, instrument


def test_each_cycle_that_is_due_is_armed_and_the_others_are_quiet():
    cycles, _ = started(every=3)
    states = []
    for _ in range(6):
        states.append(cycles.state)
        cycles.begin()
    assert states == [State.ARMED, State.QUIET, State.QUIET] * 2


def test_instruments_are_told_once_when_a_cycle_is_quiet_again():
    cycles, instrument = started(every=10)
    for _ in range(4):
        cycles.begin()
    assert instrument.told == ["arm", "disarm", "forget"]


def test_a_surprising_loss_is_recorded_on_the_spot_until_the_cycle_ends():
    cycles, _ = started(every=10)
    cycles.begin()
    cycles.surprise()
    assert cycles.state is State.ON_THE_SPOT
    cycles.begin()
    assert cycles.state is State.QUIET


def test_a_surprising_loss_changes_nothing_in_a_cycle_that_is_recorded_anyway():
    cycles, _ = started()
    cycles.surprise()
    assert cycles.state is State.ARMED


def test_a_cycle_that_begins_after_the_stop_is_counted_but_not_armed():
    cycles, instrument = started(every=1)
    cycles.stop()
    cycles.begin()
    assert (cycles.step, cycles.state) == (1, State.OFF)
    assert instrument.told == ["arm", "disarm", "forget"]


def test_a_recorder_that_is_stopped_inside_a_backward_pass_leaves_no_hook():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder(every=1, strict=True)

    def step(parameter):
        optimizer.step()
        recorder.stop()

    model.bias.register_post_accumulate_grad_hook(step)
    recorder.start()
    model(torch.ones(3, 2)).sum().backward()
    assert not module_hooks._global_forward_pre_hooks
    assert not module_hooks._global_forward_hooks


def test_an_idle_step_that_was_interrupted_does_not_stand_for_the_others():
    clock = Clock()
    clock.kind = IDLE_STEPS
    for seconds in (1e-6, 1.0, 1e-6):
        clock.sample("pass", seconds + DISPATCH)
    assert clock.cost().idle_steps == clock.watching
    calls = 3 * TIMED
    assert abs(clock.watching - (1.0 + (calls - 1) * 1e-6 + calls * DISPATCH)) < 1e-9


def test_the_cost_is_told_apart_by_what_it_was_spent_on(network, batch, recording):
    recorder, (x, y) = recording(every=50), batch
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(52):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    cost = recorder.cost()
    assert min(cost.first_steps, cost.idle_steps, cost.recordings) > 0
    parts = cost.first_steps + cost.idle_steps + cost.recordings
    assert abs(parts - cost.watching) < 1e-9


def test_a_further_optimizer_of_the_same_network_begins_with_recorded_cycles():
    model = nn.Linear(2, 1)
    recorder = Recorder(model, budget=1e-9)
    recorder.start()
    for rate in (0.1, 0.01, 0.001, 1e-4, 1e-5):
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        for _ in range(50):
            optimizer.zero_grad()
            model(torch.ones(3, 2)).square().mean().backward()
            optimizer.step()
    recorder.stop()
    steps = {shot.step for shot in recorder.trace().snapshots}
    assert {51, 52, 101, 102, 151, 152} <= steps
    assert not {201, 202} & steps
