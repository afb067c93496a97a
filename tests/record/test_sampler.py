"""Which cycles are recorded: by number, by a budget, and when a loss has moved."""

from itertools import pairwise

import pytest

from lifesigns.record.schedule.sampler import Budget, Every
from lifesigns.record.schedule.spikes import Surprise
from lifesigns.records import Cost


def cost(training, recordings=0.0, idle=0.0):
    return Cost(recordings + idle, training, recordings=recordings, idle_steps=idle)


def due(sampler, cycles, *, seconds=0.001, latest=0.0, at_first=0.0, idle=0.0):
    """The cycles that are recorded if each takes `seconds`, and a recording `latest` of them."""
    recorded, watching = [], 0.0
    for n in range(cycles):
        if sampler.due(n, cost(n * seconds, watching, n * idle), latest):
            watching += at_first if n < 2 else latest
            recorded.append(n)
    return recorded


def test_a_short_training_is_recorded_first_and_at_ever_more_distant_cycles():
    cheap, dear = (due(Budget(0.01), 600, latest=c, at_first=1e-5) for c in (1e-5, 1.0))
    assert set(cheap) >= {0, 1, 4, 16, 32, 64, 128, 256, 512}
    assert dear == [0, 1, 4, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("cycles", [30, 250, 999])
def test_a_short_training_is_recorded_in_its_second_half_where_that_costs_little(cycles):
    assert due(Budget(0.01), cycles, latest=1e-4)[-1] >= 0.5 * cycles


@pytest.mark.parametrize("cycles", [30, 250, 999])
def test_a_short_training_is_always_recorded_after_its_first_eighth(cycles):
    assert due(Budget(0.01), cycles, latest=1.0)[-1] >= 0.125 * cycles


@pytest.mark.parametrize("seconds", [0.001, 0.01, 1.0])
def test_after_the_first_second_recordings_are_within_the_budget(seconds):
    recorded = due(Budget(0.01), 20_000, seconds=seconds, latest=0.5 * seconds)
    late = [n for n in recorded if n >= 2 and n * seconds >= 1.0]
    for number, n in enumerate(recorded, start=1):
        assert n not in late or (number - 2) * 0.5 <= 0.01001 * n


def test_idle_steps_that_are_dear_leave_half_of_the_budget_for_recordings():
    recorded = due(Budget(0.01), 20_000, latest=0.001, idle=0.0001)

    assert 90 <= len([n for n in recorded if n >= 1000]) <= 100
    assert max(b - a for a, b in pairwise(recorded)) < 1000


def test_idle_steps_that_are_cheap_count_as_recordings_do():
    recorded = due(Budget(0.01), 20_000, latest=0.001, idle=2e-6)

    assert len(recorded) * 0.001 + 20_000 * 2e-6 == pytest.approx(0.2, abs=0.002)


def test_what_the_first_steps_cost_puts_the_others_off():
    cheap, dear = (due(Budget(0.01), 50_000, latest=0.001, at_first=c) for c in (0.001, 0.05))
    assert len([n for n in dear if n > 1000]) < len([n for n in cheap if n > 1000])
    assert len(dear) * 0.001 + 0.1 <= 0.0101 * 50


def test_a_cycle_that_was_asked_for_is_recorded_once():
    short = Budget(0.01)

    short.ask()

    assert [short.due(n, cost(0.5, 0.01), 0.001) for n in (70, 71)] == [1, 0]


def test_in_the_first_second_a_cycle_that_was_asked_for_may_cost_a_twentieth():
    short = Budget(0.01)

    short.ask()
    assert not short.due(70, cost(0.5, 0.03), 0.01)
    short.ask()
    assert short.due(71, cost(0.5, 0.01), 0.01)


def test_a_cycle_that_was_asked_for_later_has_to_be_affordable():
    sampler = Budget(0.01)

    sampler.ask()
    assert not sampler.due(70, cost(10.0, 0.1), 0.05)
    sampler.ask(surely=1)
    assert sampler.due(71, cost(10.0, 0.1), 0.05)


@pytest.mark.parametrize("sampler", [Every(7), Budget(0.01)], ids=["every", "budget"])
def test_cycles_that_rest_are_not_due(sampler):
    for step in range(2, 700):
        now = cost(0.001 * step, 0.004, 0.01), 0.001
        if sampler.due(step, *now):
            continue
        rests = range(step, step + sampler.rests(step, *now))
        assert not any(sampler.due(n, cost(0.001 * n, 0.004, 0.01), 0.001) for n in rests)


def test_a_loss_that_has_halved_or_doubled_since_the_last_recording_is_noticed():
    surprise = Surprise()
    surprise.reason(1.0, True)

    noticed = []
    for loss in [1.0] * 50 + [0.1] * 50 + [0.9] * 50:
        surprise.reason(loss, False)
        noticed.append(surprise.moved)
        surprise.moved = False

    assert noticed.index(True) > 50
    assert any(noticed[100:])
    assert sum(noticed) <= 6


def test_a_budget_records_as_soon_as_it_can_afford_to():
    sampler = Budget(0.01)

    assert sampler.due(7, cost(100.0, 0.5), 0.4)
    assert not sampler.due(7, cost(100.0, 0.5), 0.6)


def test_every_n_records_each_nth_cycle():
    assert [n for n in range(10) if Every(3).due(n, cost(0.0), 0.0)] == [0, 3, 6, 9]
