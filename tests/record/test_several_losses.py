"""Which backward passes make one step where there are several losses, optimizers or networks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd, train

from lifesigns.rules import judge


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


def test_two_optimizers_of_one_network_that_use_the_same_gradients_make_one_curve(recording):
    encoder, decoder = nn.Linear(4, 3), nn.Linear(3, 1)
    first, second = sgd(encoder), sgd(encoder)
    recorder = recording(every=1)

    for _ in range(4):
        loss = decoder(encoder(torch.randn(8, 4))).square().mean()
        first.zero_grad()
        loss.backward()
        first.step()
        second.step()
    recorder.stop()

    trace = recorder.trace()
    assert trace.steps == 4
    assert trace.losses.streams.tolist() == [0] * 4
    held = {p.shape: (p.optimized, p.held_twice) for p in trace.snapshots[-1].parameters}
    assert held[3, 4] == (True, True)
    assert held[1, 3] == (False, False)


def trained_by_two(recording, stops_after, ratio=1):
    """Steps, after 80 of the second optimizer, of which the first makes one in `ratio`."""
    torch.manual_seed(0)
    first, second = nn.Linear(4, 4), nn.Linear(4, 1)
    network = nn.Sequential(first, nn.Tanh(), second)
    recorder = recording(every=1)
    one, other = sgd(first), sgd(second)
    for step in range(80):
        network.zero_grad()
        F.mse_loss(network(torch.randn(8, 4)), torch.zeros(8, 1)).backward()
        other.step()
        if step < stops_after and step % ratio == ratio - 1:
            one.step()
    recorder.stop()
    return recorder.trace().steps


def test_an_optimizer_that_used_to_step_with_another_and_stops_is_soon_not_waited_for(recording):
    assert trained_by_two(recording, stops_after=80) == 80
    assert trained_by_two(recording, stops_after=20) > 60


def test_one_that_steps_seldom_is_waited_for(recording):
    before_its_first_step = 9
    assert trained_by_two(recording, stops_after=80, ratio=10) == before_its_first_step + 8
