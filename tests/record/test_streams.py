"""Which loss curve a backward pass belongs to."""

from collections import Counter
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lifesigns.record.schedule.streams import MOST_STREAMS, Streams
from lifesigns.records import POOLED


def small(inputs=3, outputs=1):
    return nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, outputs))


def sgd(module):
    return torch.optim.SGD(module.parameters(), 0.01)


def step(optimizer, *losses):
    optimizer.zero_grad()
    for loss in losses:
        loss().backward()
    optimizer.step()


def streams(recorder):
    """Streams of the losses and of the snapshots, each in order."""
    recorder.stop()
    trace = recorder.trace()
    return trace.losses.streams.tolist(), [s.stream for s in trace.snapshots]


@pytest.fixture(params=[1, 7], ids=["every step", "every seventh"])
def every(request):
    """How often is recorded: the losses are told apart either way."""
    return request.param


def test_a_discriminator_step_that_reaches_the_generator_is_its_own_loss(recording, every):
    critic, generator = small(), small(2, 3)
    optimizers = sgd(critic), sgd(generator)
    recorder = recording(every=every)

    def judged(target):
        logits = critic(generator(torch.randn(8, 2)))
        return F.binary_cross_entropy_with_logits(logits, torch.full((8, 1), target))

    for _ in range(10):
        for optimizer, target in zip(optimizers, (0.0, 1.0), strict=True):
            step(optimizer, lambda target=target: judged(target))

    losses, recorded = streams(recorder)
    assert losses == [0, 1] * 10
    assert set(recorded) == {0, 1}


def test_a_penalty_on_the_gradient_of_an_input_opens_no_streams(recording, every):
    critic, generator = small(), small(2, 3)
    optimizers = sgd(critic), sgd(generator)
    recorder = recording(every=every)

    def critic_loss():
        x = torch.randn(8, 3).requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        fake = generator(torch.randn(8, 2)).detach()
        return critic(fake).mean() - critic(x).mean() + (slope.norm(dim=1) - 1).square().mean()

    for _ in range(10):
        step(optimizers[0], critic_loss)
        step(optimizers[1], lambda: -critic(generator(torch.randn(8, 2))).mean())

    assert streams(recorder)[0] == [0, 1] * 10


def test_two_layers_trained_in_turn_have_as_many_losses_each(recording, network, batch):
    optimizers = [sgd(network[0]), sgd(network[2])]
    recorder = recording(every=1000)

    for i in range(120):
        step(optimizers[i % 2], lambda: F.cross_entropy(network(batch[0]), batch[1]))

    assert Counter(streams(recorder)[0]) == {0: 60, 1: 60}


def test_a_layer_trained_after_another_has_a_curve_of_its_own(recording, network, batch):
    optimizers = [sgd(network[0]), sgd(network[2])]
    recorder = recording(every=1000)

    for optimizer in optimizers:
        for _ in range(60):
            step(optimizer, lambda: F.cross_entropy(network(batch[0]), batch[1]))

    assert streams(recorder)[0] == [0] * 60 + [1] * 60


def test_a_loss_and_a_penalty_backward_in_one_step_are_two_curves(recording, network, batch, every):
    optimizer = sgd(network)
    recorder = recording(every=every)

    def loss():
        return F.cross_entropy(network(batch[0]), batch[1])

    def penalty():
        return 0.01 * sum(p.square().sum() for p in network.parameters())

    for _ in range(10):
        step(optimizer, loss, penalty)

    losses, recorded = streams(recorder)
    assert losses == [0, 1] * 10
    assert recorded == [0, 1] * len(range(0, 10, every))


def test_micro_batches_of_one_loss_are_one_curve_whatever_experts_they_reach(recording, batch):
    torch.manual_seed(0)
    experts, head = nn.ModuleList([nn.Linear(3, 4), nn.Linear(3, 4)]), nn.Linear(4, 2)
    optimizer = torch.optim.SGD([*experts.parameters(), *head.parameters()], 0.01)
    recorder = recording(every=3)

    def routed(i):
        return F.cross_entropy(head(experts[i](batch[0])), batch[1]) / 2

    for i in range(10):
        step(optimizer, lambda i=i: routed(i % 2), lambda: routed(1))

    losses, recorded = streams(recorder)
    assert set(losses) == set(recorded) == {0}


def test_an_optimizer_made_anew_goes_on_with_the_curve_of_the_last(recording, network, batch):
    recorder = recording(every=3)

    for make in (torch.optim.SGD, torch.optim.Adam):
        optimizer = make(network.parameters(), 0.01)
        for _ in range(5):
            step(optimizer, lambda: F.cross_entropy(network(batch[0]), batch[1]))

    assert set(streams(recorder)[0]) == {0}


def test_adapters_trained_after_the_network_have_a_curve_of_their_own(
    recording, network, batch, every
):
    optimizer = sgd(network)
    recorder = recording(every=every)
    for _ in range(10):
        step(optimizer, lambda: F.cross_entropy(network(batch[0]), batch[1]))

    adapter = nn.Linear(3, 3)
    adapted = nn.Sequential(adapter, network.requires_grad_(False))
    optimizer = sgd(adapter)
    for _ in range(10):
        step(optimizer, lambda: F.cross_entropy(adapted(batch[0]), batch[1]))

    assert streams(recorder)[0] == [0] * 10 + [1] * 10


def test_copies_of_a_network_that_are_trained_one_after_the_other_share_a_curve(
    recording, network, batch, every
):
    recorder = recording(every=every)

    for _ in range(4):
        copy = deepcopy(network)
        optimizer = sgd(copy)
        for _ in range(5):
            step(optimizer, lambda copy=copy: F.cross_entropy(copy(batch[0]), batch[1]))

    assert set(streams(recorder)[0]) == {0}


def test_two_heads_trained_in_one_step_are_two_curves(recording, batch):
    torch.manual_seed(0)
    body, heads = nn.Linear(3, 4), nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
    optimizer = torch.optim.SGD([*body.parameters(), *heads.parameters()], 0.01)
    recorder = recording(every=4)

    def told_by(head):
        return F.cross_entropy(head(body(batch[0])), batch[1])

    for _ in range(9):
        step(optimizer, *(lambda head=head: told_by(head) for head in heads))

    assert streams(recorder)[0] == [0, 1] * 9


def test_more_passes_than_were_looked_at_are_micro_batches_of_the_last():
    streams = Streams()
    streams.of(0, 0, "loss")
    streams.of(0, 1, "penalty")

    assert [streams.of(0, place, None) for place in range(4)] == [0, 1, 1, 1]


def test_a_loss_that_was_looked_at_is_known_at_any_place():
    streams = Streams()
    streams.of(0, 0, "loss")
    streams.of(0, 1, "penalty")

    assert streams.of(0, 1, "loss") == 0
    assert streams.of(0, 2, "penalty") == 1


def test_the_losses_beyond_the_last_number_are_pooled():
    streams = Streams()

    numbers = [streams.of(owner, 0, None) for owner in range(MOST_STREAMS + 2)]

    assert numbers == [*range(MOST_STREAMS), POOLED, POOLED]


def test_how_many_losses_are_pooled_is_told(recording):
    recorder = recording(every=1)

    for width in range(MOST_STREAMS + 3):
        model, x = small(width + 1), torch.randn(4, width + 1)
        step(sgd(model), lambda model=model, x=x: model(x).mean())

    of_losses, of_snapshots = streams(recorder)
    assert of_losses == of_snapshots == [*range(MOST_STREAMS), POOLED, POOLED, POOLED]
    (told,) = recorder.trace().unseen
    assert told.startswith(f"3 losses that came after {MOST_STREAMS} others")


def test_of_a_watched_generator_the_losses_of_both_optimizers_are_told_apart(recording, every):
    critic, generator = small(), small(2, 3)
    optimizers = sgd(critic), sgd(generator)
    recorder = recording(generator, [optimizers[1]], every=every)

    def judged(target):
        logits = critic(generator(torch.randn(8, 2)))
        return F.binary_cross_entropy_with_logits(logits, torch.full((8, 1), target))

    for _ in range(10):
        for optimizer, target in zip(optimizers, (0.0, 1.0), strict=True):
            step(optimizer, lambda target=target: judged(target))

    assert streams(recorder)[0] == [0, 1] * 10


def test_steps_of_an_optimizer_that_is_not_watched_do_not_part_a_curve(recording, network, batch):
    other = small()
    optimizers = sgd(network), sgd(other)
    recorder = recording(network, [optimizers[0]], every=7)

    for _ in range(20):
        step(optimizers[1], lambda: other(batch[0]).square().mean())
        step(optimizers[0], lambda: F.cross_entropy(network(batch[0]), batch[1]))

    assert streams(recorder)[0] == [0] * 20
