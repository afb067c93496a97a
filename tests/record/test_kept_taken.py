"""Of a long run, and of a large network, a bounded part stays in memory."""

from dataclasses import replace

import pytest
import torch

from lifesigns.record import Recorder
from lifesigns.record.schedule import snapshots as module
from lifesigns.record.schedule.loss_log import LossLog
from lifesigns.record.schedule.taken import Taken
from lifesigns.records import Graph, Snapshot
from lifesigns.records.kept import MEMORY

GRAPH = Graph()


def keep(several):
    """What the recorder keeps of cycles with one backward pass each."""
    snapshots = module.Snapshots(deliver=None)
    for taken in several:
        snapshots.add(taken)
        snapshots.finish(tuple, 0, lambda row: row)
    return snapshots


def make(step, stream, parameters):
    return Snapshot(step, GRAPH, stream, parameters=parameters)


def run(steps, size=0, *, is_notable=False):
    return (Taken(step, 0, size, is_notable, make) for step in range(steps))


def steps(snapshots):
    return [taken.snapshot().step for taken in snapshots.kept]


def test_a_joined_step_has_the_number_of_the_one_it_goes_on_with():
    looked_at, others = keep(run(4)), keep(run(4))
    steps(looked_at)

    for snapshots in (looked_at, others):
        snapshots.join(2)

    assert steps(looked_at) == steps(others) == [0, 1, 2, 2]


def test_a_snapshot_is_made_when_it_is_first_looked_at_and_once():
    made = []
    taken = Taken(3, 1, 0, False, lambda *where: made.append(where) or make(*where))
    taken.parameters = lambda: ("readings",)

    assert made == []
    first, again = taken.snapshot(), taken.snapshot()

    assert first is again
    assert made == [(3, 1, ("readings",))]


def recorded(model, steps=1, loss=torch.sum):
    """What is kept of the last of so many steps."""
    recorder, optimizer = Recorder(every=1, strict=True), torch.optim.SGD(model.parameters(), 0.0)
    recorder.start()
    for _ in range(steps):
        loss(model(torch.ones(4, 3))).backward()
        optimizer.step()
    recorder.stop()
    return list(recorder._parts.snapshots.kept)[-1]


@pytest.mark.parametrize("lowest", [0.0, 1.0])
def test_a_step_is_notable_whose_gradient_turns_infinite(lowest):
    model = torch.nn.Linear(3, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)

    taken = recorded(model, 4, lambda x: (x + lowest).sqrt().sum())

    assert taken.is_notable is (lowest == 0)
    assert taken.is_notable is (taken.snapshot().nonfinite is not None)


def test_the_size_of_a_snapshot_is_no_less_than_its_arrays():
    model = torch.nn.Sequential(torch.nn.Linear(3, 5000), torch.nn.ReLU(), torch.nn.Linear(5000, 1))

    taken = recorded(model)

    (site,) = taken.snapshot().sites
    sums = [vars(s) for s in (site.value, site.output_gradient, site.input_gradient)]
    numbers = sum(array.nbytes for fields in sums for array in fields.values())
    assert numbers <= taken.size < 1.2 * numbers


def test_a_trace_tells_how_many_steps_were_recorded_and_has_every_loss(monkeypatch):
    monkeypatch.setattr(module, "MEMORY", replace(MEMORY, most_bytes=1))
    model, recorder = torch.nn.Linear(3, 1), Recorder(every=1, strict=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder.start()
    for _ in range(100):
        model(torch.ones(2, 3)).square().mean().backward()
        optimizer.step()
    recorder.stop()

    trace = recorder.trace()

    assert (trace.recorded, len(trace.losses.steps)) == (100, 100)
    assert trace.recorded_steps <= MEMORY.least
    assert recorder.trace(98).losses.steps.tolist() == [98, 99]


def test_losses_that_are_not_told_apart_are_counted_as_they_come_and_go():
    log = LossLog()
    for place in range(70):
        log.append(0, 1.0)
        log.note(place, look=place)
    log.close(0)
    assert log.pooled == 6

    log.drop()

    assert log.pooled == 5
