"""Which cycles are recorded: by number, by a budget, and when a loss has moved."""

import pytest

from lifesigns.record.schedule.sampler import Budget, Every
from lifesigns.record.schedule.spikes import Surprise


def due(sampler, cycles, *, seconds=0.001, cost=0.0, at_first=0.0):
    """Which of the cycles are recorded if each takes `seconds`, and a recording `cost` of them."""
    recorded, watching = [], 0.0
    for n in range(cycles):
        if sampler.due(n, watching, training=n * seconds, last_cost=cost):
            watching += at_first if n < 2 else cost
            recorded.append(n)
    return recorded


def test_a_short_training_is_recorded_first_and_at_ever_more_distant_cycles():
    cheap, dear = (due(Budget(0.01), 600, cost=c, at_first=1e-5) for c in (1e-5, 1.0))
    assert set(cheap) >= {0, 1, 4, 16, 32, 64, 128, 256, 512}
    assert dear == [0, 1, 4, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("cycles", [30, 250, 999])
def test_a_short_training_is_recorded_in_its_second_half_where_that_costs_little(cycles):
    assert due(Budget(0.01), cycles, cost=1e-4)[-1] >= 0.5 * cycles


@pytest.mark.parametrize("cycles", [30, 250, 999])
def test_a_short_training_is_always_recorded_after_its_first_eighth(cycles):
    assert due(Budget(0.01), cycles, cost=1.0)[-1] >= 0.125 * cycles


@pytest.mark.parametrize("seconds", [0.001, 0.01, 1.0])
def test_after_the_first_second_recordings_cost_no_more_than_twice_the_budget(seconds):
    recorded = due(Budget(0.01), 20_000, seconds=seconds, cost=0.5 * seconds)
    late = [n for n in recorded if n >= 2 and n * seconds >= 1.0]
    for number, n in enumerate(recorded, start=1):
        assert n not in late or (number - 2) * 0.5 <= 0.0201 * n


def test_what_the_first_steps_cost_puts_the_others_off():
    cheap, dear = (due(Budget(0.01), 50_000, cost=0.001, at_first=c) for c in (0.001, 0.05))
    assert len([n for n in dear if n > 1000]) < len([n for n in cheap if n > 1000])
    assert len(dear) * 0.001 + 0.1 <= 0.0101 * 50


def test_a_cycle_that_was_asked_for_is_recorded_once():
    short = Budget(0.01)

    short.ask()

    now = {"watching": 0.01, "training": 0.5, "last_cost": 0.001}
    assert [short.due(n, **now) for n in (70, 71)] == [1, 0]


def test_in_the_first_second_a_cycle_that_was_asked_for_may_cost_a_twentieth():
    short = Budget(0.01)

    short.ask()
    assert not short.due(70, watching=0.03, training=0.5, last_cost=0.01)
    short.ask()
    assert short.due(71, watching=0.01, training=0.5, last_cost=0.01)


def test_a_cycle_that_was_asked_for_later_has_to_be_affordable():
    sampler = Budget(0.01)

    sampler.ask()
    assert not sampler.due(70, watching=1.0, training=10.0, last_cost=1.0)
    sampler.ask()
    assert sampler.due(71, watching=0.1, training=10.0, last_cost=0.05)


@pytest.mark.parametrize("sampler", [Every(7), Budget(0.01)], ids=["every", "budget"])
def test_cycles_that_rest_are_not_due(sampler):
    for step in range(2, 700):
        now = 0.004, 0.001 * step, 0.001
        if sampler.due(step, *now):
            continue
        rests = range(step, step + sampler.rests(step, *now))
        assert not any(sampler.due(n, 0.004, 0.001 * n, 0.001) for n in rests)


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

    assert sampler.due(7, watching=0.5, training=100.0, last_cost=0.4)
    assert not sampler.due(7, watching=0.5, training=100.0, last_cost=0.6)


def test_every_n_records_each_nth_cycle():
    assert [n for n in range(10) if Every(3).due(n, 0.0, 0.0, 0.0)] == [0, 3, 6, 9]
