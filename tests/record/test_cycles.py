"""What counts as one step of training, and which backward passes belong to it."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lifesigns.rules import judge


def sgd(*modules, rate=0.1):
    return torch.optim.SGD([p for m in modules for p in m.parameters()], rate)


def steps(trace):
    """Step and stream of every snapshot."""
    return [(s.step, s.stream) for s in trace.snapshots]


def train(model, optimizer, batch, count=1):
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        optimizer.step()


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


# --- several losses and optimizers ----------------------------------------------------------------
class Gan:
    def __init__(self):
        torch.manual_seed(0)
        self.generator = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))
        self.critic = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        self.optimizers = {"G": sgd(self.generator), "D": sgd(self.critic)}

    def loss(self, which):
        fake = self.generator(torch.randn(8, 2))
        bce = F.binary_cross_entropy_with_logits
        if which == "G":
            return bce(self.critic(fake), torch.ones(8, 1))
        real = bce(self.critic(torch.randn(8, 3)), torch.ones(8, 1))
        return real + bce(self.critic(fake.detach()), torch.zeros(8, 1))

    def step(self, which):
        self.optimizers[which].zero_grad()
        self.loss(which).backward()
        self.optimizers[which].step()


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("order", ["DG", "GD"])
@pytest.mark.parametrize("known", [True, False])
def test_the_losses_of_a_gan_are_told_apart_and_both_recorded(recording, every, order, known):
    gan = Gan()
    recorder = recording(optimizers=gan.optimizers.values() if known else (), every=every)

    for _ in range(6):
        for which in order:
            gan.step(which)
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 6
    later = [(s.step, s.stream) for s in trace.snapshots if s.step]
    assert later == [(n, k) for n in range(1, 6) if n % every == 0 for k in (0, 1)]
    assert trace.losses.streams.tolist() == [0, 1] * 6
    assert trace.losses.steps.tolist() == [n for n in range(6) for _ in order]


def test_each_snapshot_of_a_gan_holds_its_own_graph_and_gradients(recording):
    gan = Gan()
    recorder = recording(optimizers=gan.optimizers.values(), every=1)

    for which in "DGDG":
        gan.step(which)
    recorder.stop()

    critic, generator = recorder.trace().snapshots[-2:]
    operations = [{s.operation for s in snapshot.graph.sites} for snapshot in (critic, generator)]
    assert "tanh" not in operations[0]
    assert {"tanh", "relu"} <= operations[1]
    assert generator.graph.find("Sequential1.1:tanh#0") >= 0  # the critic was found first
    updates = {p.name: p for s in (critic, generator) for p in s.parameters if p.gradient_rms > 0}
    for name in ("Sequential0.0.weight", "Sequential1.0.weight"):
        assert updates[name].update_rms > 0


def test_the_losses_stay_apart_when_the_optimizers_are_gone(recording):
    recorder = recording(every=1)

    def main():
        gan = Gan()
        for which in "DGDG":
            gan.step(which)

    main()
    recorder.stop()

    assert recorder.trace().losses.streams.tolist() == [0, 1, 0, 1]
    assert recorder.trace().steps == 2


def test_a_healthy_gan_raises_no_alarm_about_parameters(recording):
    gan = Gan()
    recorder = recording(every=1)
    for which in "DG" * 10:
        gan.step(which)
    recorder.stop()

    alarms = {f.rule for f in judge(recorder.trace()) if f.severity.value != "note"}

    assert not alarms & {"detached-parameters", "zero-gradient", "exploding-gradient"}


def test_a_critic_may_step_several_times_for_one_step_of_the_generator(recording):
    gan = Gan()
    recorder = recording(optimizers=gan.optimizers.values(), every=2)

    for which in "DDDG" * 4:
        gan.step(which)
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 4
    assert [s.step for s in trace.snapshots] == [0] * 4 + [2] * 4
    assert trace.losses.streams.tolist() == [0, 0, 0, 1] * 4


def test_an_optimizer_that_never_steps_again_does_not_keep_the_cycle_open(recording, batch):
    gan = Gan()
    recorder = recording(optimizers=gan.optimizers.values(), every=1000)

    gan.step("D")
    gan.step("G")
    for _ in range(120):
        gan.step("D")
    recorder.stop()

    assert recorder.trace().steps > 50


def test_watching_one_of_two_networks_keeps_the_others_loss_out(recording):
    gan = Gan()
    recorder = recording(gan.generator, [gan.optimizers["G"]], every=4)

    for which in "DG" * 8:
        gan.step(which)
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 8
    assert len(trace.losses.values) == 8
    assert [s.step for s in trace.snapshots] == [0, 4]
    assert all("tanh" in {site.operation for site in s.graph.sites} for s in trace.snapshots)


def test_models_of_one_structure_keep_their_own_names(recording, batch):
    """Members of an ensemble, or twin critics, make graphs that look the same."""
    torch.manual_seed(0)
    heads = nn.ModuleDict({name: nn.Sequential(nn.Linear(3, 2), nn.Tanh()) for name in "ab"})
    optimizer = sgd(heads)
    recorder = recording(heads, [optimizer], every=1)

    for name in "abab":
        optimizer.zero_grad()
        heads[name](batch[0]).square().mean().backward()
        optimizer.step()
    recorder.stop()

    snapshots = recorder.trace().snapshots
    assert [s.graph.sites[0].parameters[0] for s in snapshots] == [
        f"{name}.0.weight" for name in "abab"
    ]


def test_a_model_made_anew_does_not_inherit_names(recording, batch):
    class First(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 2)

        def forward(self, x):
            return self.inner(x)

    class Second(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(x)

    recorder = recording(every=1)
    for kind in (First, Second) * 5:
        model = kind()
        train(model, sgd(model), batch)
        del model
    recorder.stop()

    names = [
        (s.graph.sites[0].parameters[0], s.parameters[0].name) for s in recorder.trace().snapshots
    ]
    assert names == [("inner.weight",) * 2, ("layer.weight",) * 2] * 5


# --- forms of backward ----------------------------------------------------------------------------
def test_a_list_of_losses_is_their_sum(recording, network, batch):
    recorder = recording(network, every=1)
    output = network(batch[0])
    losses = [F.cross_entropy(output, batch[1]), output.square().mean()]

    torch.autograd.backward(losses)
    recorder.stop()

    trace = recorder.trace()
    assert trace.losses.values.tolist() == pytest.approx([sum(x.item() for x in losses)])
    operations = [site.operation for site in trace.snapshots[0].graph.sites]
    assert {"nll_loss", "pow", "relu"} <= set(operations)


def test_backward_into_some_inputs_reads_the_gradients_it_makes(recording, network, batch):
    optimizer = sgd(network[2])
    recorder = recording(network, [optimizer], every=1)

    for _ in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(batch[0]), batch[1])
        loss.backward(inputs=list(network[2].parameters()))
        optimizer.step()
    recorder.stop()

    snapshot = recorder.trace().snapshots[-1]
    assert snapshot.parameter("2.weight").gradient_rms > 0
    assert not snapshot.parameter("0.weight").gradient_rms > 0
    assert network[0].weight.grad is None


def test_a_retained_graph_is_recorded_each_time_it_is_used(recording, network, batch):
    recorder = recording(network, every=1)
    loss = F.cross_entropy(network(batch[0]), batch[1])

    loss.backward(retain_graph=True)
    loss.backward()
    recorder.stop()

    first, second = recorder.trace().snapshots
    assert first.reading(1).output_gradient.total == pytest.approx(
        second.reading(1).output_gradient.total
    )


def test_a_gradient_that_is_differentiated_again_is_recorded(recording, network, batch):
    """A gradient penalty trains on the gradient of the output by the input."""
    optimizer = sgd(network)
    recorder = recording(network, [optimizer], every=1)

    for _ in range(2):
        optimizer.zero_grad()
        x = batch[0].clone().requires_grad_()
        output = network(x)
        (slope,) = torch.autograd.grad(output.sum(), x, create_graph=True)
        (F.cross_entropy(output, batch[1]) + slope.square().mean()).backward()
        optimizer.step()
    recorder.stop()

    trace = recorder.trace()
    assert steps(trace) == [(0, 0), (1, 0)]
    assert trace.snapshots[1].graph.find("1:relu#0") >= 0
    assert trace.snapshots[1].parameter("0.weight").update_rms > 0


@pytest.mark.filterwarnings("ignore:Using backward.* with create_graph=True:UserWarning")
def test_backward_may_build_a_graph_of_its_own(recording, network, batch):
    recorder = recording(network, every=1)

    F.cross_entropy(network(batch[0]), batch[1]).backward(create_graph=True)
    network[0].weight.grad.square().sum().backward()
    recorder.stop()
    network.zero_grad()

    assert len(recorder.trace().snapshots) == 2
    assert recorder.trace().snapshots[1].parameter("0.weight").gradient_rms > 0


def test_backward_from_a_vector_is_no_non_finite_loss(recording, network, batch):
    recorder = recording(network, every=100)
    for _ in range(3):
        output = network(batch[0])
        output.backward(torch.full_like(output, 0.5))
        network.zero_grad()
    recorder.stop()

    trace = recorder.trace()
    assert [s.reason for s in trace.snapshots] == ["scheduled"]
    assert trace.losses.values.tolist() == pytest.approx([0.5 * output.sum().item()] * 3)
    assert trace.snapshots[0].nonfinite is None


def test_a_factor_given_to_backward_is_undone(recording, network, batch):
    recorder = recording(network, every=1)
    loss = F.cross_entropy(network(batch[0]), batch[1])

    loss.backward(torch.tensor(0.25), retain_graph=True)
    weighted = recorder.trace, network[0].weight.grad.square().mean().sqrt().item()
    recorder.stop()

    snapshot = recorder.trace().snapshots[0]
    assert snapshot.loss.value == pytest.approx(loss.item())
    assert snapshot.parameter("0.weight").gradient_rms == pytest.approx(4 * weighted[1], rel=1e-5)


def test_backward_of_nothing_raises_what_it_raised_before(recording, network, batch):
    recorder = recording(network, every=1)

    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.zeros(()).backward()
    F.cross_entropy(network(batch[0]), batch[1]).backward()
    recorder.stop()

    trace = recorder.trace()
    assert len(trace.losses.values) == 1
    assert [s.reason for s in trace.snapshots] == ["scheduled"]


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
