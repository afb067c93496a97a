"""What counts as one step of training, and which backward passes belong to it."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd, steps, train


# --- one optimizer --------------------------------------------------------------------------------
@pytest.mark.parametrize("every", [1, 2, 4])
@pytest.mark.parametrize("known", [True, False])
def test_micro_batches_belong_to_the_step_they_are_accumulated_for(
    recording, network, batch, every, known
):
    optimizer = sgd(network)
    recorder = recording(network, [optimizer] if known else (), every=every)

    for number in range(32):
        (F.cross_entropy(network(batch[0]), batch[1]) / 4).backward()
        if number % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 8
    assert steps(trace) == [(n, 0) for n in range(0, 8, every) for _ in range(4)]
    assert trace.losses.steps.tolist() == [n // 4 for n in range(32)]
    assert trace.losses.stream_count == 1


def test_accumulated_gradients_are_read_as_the_mean_over_micro_batches(recording, network, batch):
    optimizer = sgd(network)
    recorder = recording(network, [optimizer], every=1)
    F.cross_entropy(network(batch[0]), batch[1]).backward()
    whole = network[0].weight.grad.square().mean().sqrt().item()
    optimizer.zero_grad()
    recorder.stop()

    recorder = recording(network, [optimizer], every=1)
    for x, y in zip(batch[0].split(2), batch[1].split(2), strict=True):
        (F.cross_entropy(network(x), y) / 4).backward()
    optimizer.step()
    recorder.stop()

    last = recorder.trace().snapshots[-1]
    assert last.parameter("0.weight").gradient_rms == pytest.approx(whole, rel=1e-5)
    assert all(s.parameters == () for s in recorder.trace().snapshots[:-1])


def test_a_step_the_gradient_scaler_skips_does_not_end_the_cycle(recording, network, batch):
    """After overflow `GradScaler` leaves out `optimizer.step` and the gradients are cleared."""
    optimizer = sgd(network)
    recorder = recording(network, [optimizer], every=1)

    for skipped in (False, True, False):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(batch[0]), batch[1])
        (loss * 1024.0).backward()
        clean = network[0].weight.grad.square().mean().sqrt().item() / 1024
        for p in network.parameters():
            p.grad.div_(1024)
        if not skipped:
            optimizer.step()
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 2
    assert steps(trace) == [(0, 0), (1, 0), (1, 0)]
    assert trace.losses.values[-1] == pytest.approx(loss.item())
    last = trace.snapshots[-1].parameter("0.weight")
    assert last.gradient_rms == pytest.approx(clean, rel=1e-4)


def test_a_scheduler_that_wraps_step_changes_nothing(recording, network, batch):
    optimizer = sgd(network, rate=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.1)
    recorder = recording(network, every=1)

    for _ in range(3):
        train(network, optimizer, batch)
        scheduler.step()
    recorder.stop()

    trace = recorder.trace()
    assert steps(trace) == [(0, 0), (1, 0), (2, 0)]
    rates = [s.parameter("0.weight").learning_rate for s in trace.snapshots]
    assert rates == pytest.approx([0.5, 0.05, 0.005])


@pytest.mark.parametrize("every", [1, 2])
def test_a_closure_is_one_step_however_often_it_runs(recording, network, batch, every):
    optimizer = torch.optim.LBFGS(network.parameters(), max_iter=3)
    calls = []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(batch[0]), batch[1])
        loss.backward()
        return loss

    recorder = recording(network, every=every)
    for _ in range(4):
        optimizer.step(closure)
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 4
    assert {s.step for s in trace.snapshots} == set(range(0, 4, every))
    assert len(trace.losses.steps) == len(calls) > 4


def test_an_optimizer_given_a_closure_reads_the_update_it_makes(recording, network, batch):
    """Lightning runs forward and backward inside `step(closure)`."""
    optimizer = sgd(network)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(network(batch[0]), batch[1])
        loss.backward()
        return loss

    recorder = recording(network, every=1)
    for _ in range(2):
        optimizer.step(closure)
    recorder.stop()

    for snapshot in recorder.trace().snapshots:
        weight = snapshot.parameter("0.weight")
        assert weight.update_rms == pytest.approx(0.1 * weight.gradient_rms, rel=1e-4)


def test_optimizers_that_step_inside_backward_make_one_step_together(recording, network, batch):
    """One optimizer per parameter, stepping as soon as the gradient is there, saves memory."""
    optimizers = {p: torch.optim.SGD([p], 0.1) for p in network.parameters()}

    def update(parameter):
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    for p in network.parameters():
        p.register_post_accumulate_grad_hook(update)
    recorder = recording(network, every=1)
    for _ in range(4):
        F.cross_entropy(network(batch[0]), batch[1]).backward()
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 4
    assert steps(trace) == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert trace.losses.steps.tolist() == [0, 1, 2, 3]
    assert trace.optimizers == ("SGD",)
    for snapshot in trace.snapshots:
        weight = snapshot.parameter("0.weight")
        assert weight.gradient_rms > 0
        assert weight.update_rms == pytest.approx(0.1 * weight.gradient_rms, rel=1e-4)


def test_training_by_hand_makes_a_step_of_each_backward_pass(recording, network, batch):
    recorder = recording(network, every=1)

    for _ in range(3):
        F.cross_entropy(network(batch[0]), batch[1]).backward()
        with torch.no_grad():
            for p in network.parameters():
                p -= 0.1 * p.grad
                p.grad = None
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 3
    assert steps(trace) == [(0, 0), (1, 0), (2, 0)]
    for snapshot in trace.snapshots:
        weight = snapshot.parameter("0.weight")
        assert weight.update_rms == pytest.approx(0.1 * weight.gradient_rms, rel=1e-4)


def test_an_optimizer_made_anew_takes_the_place_of_the_old_one(recording, network, batch):
    recorder = recording(network, every=1)
    first = sgd(network)
    train(network, first, batch, 2)

    train(network, sgd(network, rate=0.25), batch, 3)
    recorder.stop()

    trace = recorder.trace()
    assert trace.losses.steps.tolist() == [0, 1, 2, 3, 4]
    assert trace.snapshots[-1].parameter("0.weight").learning_rate == 0.25
    assert trace.optimizers == ("SGD",)
    assert len(first.param_groups) == 1


def test_optimizers_that_share_parameters_and_step_in_turn_make_one_step(recording, batch):
    torch.manual_seed(0)
    body, heads = nn.Linear(3, 4), [nn.Linear(4, 2), nn.Linear(4, 2)]
    optimizers = [sgd(body, head) for head in heads]
    recorder = recording(every=1)

    for _ in range(6):
        for head, optimizer in zip(heads, optimizers, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(head(body(batch[0])), batch[1]).backward()
            optimizer.step()
    recorder.stop()

    _, *whole, _ = Counter(recorder.trace().losses.steps.tolist()).values()
    assert set(whole) == {2}


def test_a_run_of_several_trainings_goes_on_counting(recording, batch):
    recorder = recording(every=1)

    for _ in range(3):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        train(model, sgd(model), batch, 4)
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 12
    assert trace.losses.steps.tolist() == list(range(12))
    assert trace.losses.stream_count == 1
    assert all(s.parameter("0.weight").optimized for s in trace.snapshots)


def test_a_loop_without_updates_is_recorded_up_to_a_limit(recording, network, batch):
    recorder = recording(network, every=1)

    for _ in range(100):
        F.cross_entropy(network(batch[0]), batch[1]).backward()
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 1
    assert len(trace.snapshots) == 64
    assert len(trace.losses.values) == 100


# --- evaluation -----------------------------------------------------------------------------------
def test_an_evaluation_after_every_step_uses_up_no_recording(recording, network, batch):
    optimizer = sgd(network)
    recorder = recording(network, every=1)

    for _ in range(4):
        train(network, optimizer, batch)
        network.eval()
        with torch.no_grad():
            network(batch[0])
        network.train()
    recorder.stop()

    trace = recorder.trace()
    assert [s.step for s in trace.snapshots] == [0, 1, 2, 3]
    assert all(s.graph.find("1:relu#0") >= 0 for s in trace.snapshots)
    assert all(s.batch.shape == (8, 3) for s in trace.snapshots)


def test_an_evaluation_that_keeps_gradients_on_is_not_mistaken_for_training(
    recording, network, batch
):
    optimizer = sgd(network)
    recorder = recording(network, every=1)

    for _ in range(3):
        for _ in range(5):
            network(torch.full((2, 3), 7.0)).argmax(1)
        train(network, optimizer, batch)
    recorder.stop()

    trace = recorder.trace()
    assert [s.step for s in trace.snapshots] == [0, 1, 2]
    assert all(s.batch.shape == (8, 3) for s in trace.snapshots)
    assert all(len(s.graph.sites) == len(trace.snapshots[0].graph.sites) for s in trace.snapshots)


def test_forward_passes_without_backward_leave_the_next_training_step_recorded(
    recording, network, batch
):
    optimizer = sgd(network)
    recorder = recording(network, every=1)
    with torch.no_grad():
        network(batch[0])
    network(batch[0])

    train(network, optimizer, batch)
    recorder.stop()

    assert steps(recorder.trace()) == [(0, 0)]
