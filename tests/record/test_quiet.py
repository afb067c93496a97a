"""The short way through unrecorded cycles keeps what the long way keeps, and leaves what is odd."""

import math
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from odd_losses import X, Y, in_bfloat16, in_double, in_turns, read_with_its_sign_turned
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from lifesigns.record.around_backward import AroundBackward
from lifesigns.record.plain import building
from lifesigns.record.plain.by_python import ROWS
from lifesigns.record.quiet import Quiet
from lifesigns.record.schedule.spikes import MOST_ON_THE_SPOT


@pytest.fixture(autouse=True, params=["in C", "in Python"])
def counting(request, monkeypatch):
    """Each test twice: plain cycles are counted by either of the two that do it."""
    if request.param == "in Python":
        monkeypatch.setattr(building, "compiled_cycles", lambda: None)
    elif building.compiled_cycles() is None:
        pytest.skip("there is no C compiler, or no header of Python")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))


def plain(step, model, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(X), Y).backward()
    optimizer.step()


def scheduled(step, model, optimizer):
    plain(step, model, optimizer)
    optimizer.param_groups[0]["lr"] *= 0.9


def scaled(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) * 2.0 ** (step % 5)).backward()
    optimizer.step()


def scaled_alike(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) / 4).backward()
    optimizer.step()


def hand_written_mean(step, model, optimizer):
    optimizer.zero_grad()
    ((model(X) - 1).square().sum() / 16).backward()
    optimizer.step()


def accumulating(step, model, optimizer):
    optimizer.zero_grad()
    passes = 1 + step % 3
    for _ in range(passes):
        (F.cross_entropy(model(X), Y) / passes).backward()
    optimizer.step()


def two_losses(step, model, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(X), Y).backward()
    sum(p.square().sum() for p in model.parameters()).backward()
    optimizer.step()


def weighted_with_nothing(step, model, optimizer):
    optimizer.zero_grad()
    weight = torch.tensor(float(step % 20 != 0))
    (F.cross_entropy(model(X), Y) * weight).backward()
    optimizer.step()


def refused_by_torch(step, model, optimizer):
    if step % 20 == 10:
        with pytest.raises(RuntimeError, match="real scalar"):
            (F.cross_entropy(model(X), Y) * 1j).backward()
    plain(step, model, optimizer)


def changed_in_place(step, model, optimizer):
    weight = torch.tensor(2.0)
    loss = F.cross_entropy(model(X), Y) * weight
    if step % 20 == 10:
        weight += 1
        with pytest.raises(RuntimeError, match="inplace operation"):
            loss.backward()
        return
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def without_a_pass_at_times(step, model, optimizer):
    if step % 3:
        plain(step, model, optimizer)
    else:
        optimizer.step()


def spiking(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) + 100.0 * (step == 30)).backward()
    optimizer.step()


def spiking_often(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) + 100.0 * (step % 4 == 0)).backward()
    optimizer.step()


def losing(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) + (math.inf if step >= 30 else 0.0)).backward()
    optimizer.step()


def going_up(step, model, optimizer):
    optimizer.zero_grad()
    (F.cross_entropy(model(X), Y) + 0.2 * step).backward()
    optimizer.step()


def by_hand(step, model, optimizer):
    for _ in range(1 + step % 2):
        F.cross_entropy(model(X), Y).backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
            p.grad = None


def by_hand_through_data(step, model, optimizer):
    F.cross_entropy(model(X), Y).backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
        p.grad.data.zero_()


def functional(step, model, optimizer):
    loss = F.cross_entropy(model(X), Y)
    parameters = list(model.parameters())
    for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        p.grad = gradient
    optimizer.step()


def functional_or_not(step, model, optimizer):
    (functional if step % 20 > 10 else plain)(step, model, optimizer)


def looked_at(step, model, optimizer):
    if step % 20 == 10:
        torch.autograd.grad(F.cross_entropy(model(X), Y), list(model.parameters()))
    plain(step, model, optimizer)


def functional_that_fails(step, model, optimizer):
    if step % 20 == 10:
        loss = F.cross_entropy(model(X), Y)
        loss.backward()
        with pytest.raises(RuntimeError, match="second time"):
            torch.autograd.grad(loss, list(model.parameters()))
        return
    functional(step, model, optimizer)


def groups_that_come(step, model, optimizer):
    if step == 20:
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(2))], "lr": 0.3})
    plain(step, model, optimizer)


def recomputed_inside(step, model, optimizer):
    optimizer.zero_grad()
    hidden = checkpoint(model[:2], X.clone().requires_grad_(), use_reentrant=True)
    F.cross_entropy(model[2](hidden), Y).backward()
    optimizer.step()


def below_another_wrapper(step, model, optimizer):
    ours = torch.autograd.backward
    torch.autograd.backward = lambda *args, **kwargs: ours(*args, **kwargs)
    try:
        plain(step, model, optimizer)
    finally:
        torch.autograd.backward = ours


def two_optimizers(step, model, optimizer):
    first, last = (torch.optim.SGD(model[k].parameters(), 0.1) for k in (0, 2))
    if not hasattr(model, "two"):
        model.two = first, last
    for one in model.two:
        one.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        one.step()


def inside_backward(step, model, optimizer):
    def update(parameter):
        optimizer.step()

    handle = model[0].bias.register_post_accumulate_grad_hook(update)
    optimizer.zero_grad()
    F.cross_entropy(model(X), Y).backward()
    handle.remove()


TRAININGS = [
    plain,
    scheduled,
    scaled,
    hand_written_mean,
    accumulating,
    two_losses,
    spiking,
    spiking_often,
    losing,
    going_up,
    by_hand,
    by_hand_through_data,
    two_optimizers,
    inside_backward,
    functional,
    functional_or_not,
    functional_that_fails,
    looked_at,
    groups_that_come,
    recomputed_inside,
    below_another_wrapper,
    weighted_with_nothing,
    refused_by_torch,
    changed_in_place,
    in_double,
    in_bfloat16,
    in_turns,
    read_with_its_sign_turned,
    without_a_pass_at_times,
]


def train(recorder, one_step, steps=60):
    """What was kept of a training, in plain values."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(steps):
        one_step(step, model, optimizer)
    recorder.stop()
    trace = recorder.trace()
    losses, rates = trace.losses, trace.rates
    return {
        "steps": trace.steps,
        "losses": [c.tolist() for c in (losses.steps, losses.values, losses.streams)],
        "rates": [c.tolist() for c in (rates.steps, rates.groups, rates.values)],
        "recorded": [(s.step, s.stream, s.reason) for s in trace.snapshots],
        "unseen": trace.unseen,
    }


@pytest.mark.parametrize("one_step", TRAININGS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("every", [7, 1000])
def test_the_short_way_keeps_what_the_long_way_keeps(recording, monkeypatch, one_step, every):
    short = train(recording(every=every), one_step)
    monkeypatch.setattr(Quiet, "open", lambda self: None)
    long = train(recording(every=every), one_step)
    assert short == long


def test_more_steps_than_are_kept_before_they_are_told(recording, monkeypatch):
    short = train(recording(every=10_000), plain, steps=3 * ROWS)
    monkeypatch.setattr(Quiet, "open", lambda self: None)
    long = train(recording(every=10_000), plain, steps=3 * ROWS)
    assert short == long


def test_a_thousand_updates_without_a_pass(recording):
    recorder, model = recording(every=10_000), network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(100):
        plain(step, model, optimizer)
    for _ in range(1000):
        optimizer.step()
    assert recorder.steps == 1100
    assert len(recorder.trace().losses.steps) == 100


ALIKE = [plain, scaled, scheduled, by_hand, two_optimizers, functional]


@pytest.mark.parametrize("one_step", ALIKE)
def test_steps_alike_go_the_short_way(recording, monkeypatch, one_step):
    went, the_long_way = [], AroundBackward._before

    def before(self, *arguments):
        went.append(self._cycles.step)
        the_long_way(self, *arguments)

    monkeypatch.setattr(AroundBackward, "_before", before)
    train(recording(every=1000), one_step, steps=100)
    assert max(went) < 30


def test_a_spike_is_recorded_at_its_own_step(recording):
    kept = train(recording(every=1000), spiking)
    assert (30, 0, "spike") in kept["recorded"]


def test_a_training_that_is_lost_goes_the_short_way(recording, monkeypatch):
    went, the_long_way = [], AroundBackward._before

    def before(self, *arguments):
        went.append(self._cycles.step)
        the_long_way(self, *arguments)

    monkeypatch.setattr(AroundBackward, "_before", before)
    kept = train(recording(every=1000), losing, steps=100)
    assert [reason for *_, reason in kept["recorded"]].count("non-finite") == MOST_ON_THE_SPOT
    assert max(went) < 50
    _, values, _ = kept["losses"]
    assert [not math.isfinite(value) for value in values] == [step >= 30 for step in range(100)]


@pytest.mark.parametrize(
    ("failing", "one_step"),
    [
        ("lifesigns.record.loss.known_roots.KnownRoot.value", scaled_alike),
        ("lifesigns.record.schedule.rate_log.RateLog.moved", scheduled),
        ("lifesigns.record.schedule.spikes.Surprise.is_expected", going_up),
    ],
)
def test_a_failure_on_the_short_way_is_told_and_the_step_kept(
    recording, monkeypatch, failing, one_step
):
    recorder = recording(every=1000)
    recorder._parts.guard.strict = False
    monkeypatch.setattr(failing, lambda *_: 1 / 0)
    kept = train(recorder, one_step)
    assert kept["unseen"] == ("the recorder failed: ZeroDivisionError: division by zero",)
    assert kept["losses"][0] == list(range(60))


def test_a_mode_of_the_user_is_not_shown_what_the_loss_is_asked(recording):
    class Seen(TorchFunctionMode):
        names: ClassVar[set[str]] = set()

        def __torch_function__(self, function, types, arguments=(), options=None):
            self.names.add(function.__name__)
            return function(*arguments, **(options or {}))

    recorder, model = recording(every=1000), network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(20):
        plain(step, model, optimizer)
    loss = F.cross_entropy(model(X), Y)
    with Seen():
        loss.backward()
    optimizer.step()
    recorder.stop()
    assert Seen.names == {"backward"}


def test_two_wrappers_of_ours_with_another_between_note_a_pass_once(recording):
    unwatched = torch.autograd.backward
    first, ours = recording(every=1000), torch.autograd.backward
    torch.autograd.backward = lambda *args, **kwargs: ours(*args, **kwargs)
    second = recording(every=1000)
    first.stop()
    kept = train(second, plain)
    torch.autograd.backward = unwatched
    assert kept["losses"][0] == list(range(60))


def test_how_far_the_training_is_can_be_asked_in_the_middle_of_it(recording):
    recorder, model = recording(every=1000), network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(30):
        plain(step, model, optimizer)
    assert recorder.steps == 30
    assert len(recorder.trace().losses.steps) == 30
