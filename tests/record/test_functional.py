"""Training by `torch.autograd.grad`: which calls are steps, and what is read of them."""

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import grad
from torch.nn.modules import module as module_hooks


def by_hand(network, gradients, rate=0.1):
    with torch.no_grad():
        for p, g in zip(network.parameters(), gradients, strict=True):
            p -= rate * g


def by_optimizer(optimizer):
    def update(network, gradients):
        for p, g in zip(network.parameters(), gradients, strict=True):
            p.grad = g
        optimizer.step()

    return update


def train(network, batch, update, steps=6, creates_graph=False, take=grad):
    parameters, losses = list(network.parameters()), []
    for _ in range(steps):
        loss = F.cross_entropy(network(batch[0]), batch[1])
        update(network, take(loss, parameters, create_graph=creates_graph))
        losses.append(loss.item())
    return losses


def seen(recorder):
    recorder.stop()
    return recorder.trace()


@pytest.mark.parametrize("creates_graph", [False, True])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("stepper", ["hand", "optimizer"])
def test_each_call_that_an_update_follows_is_a_step(
    recording, network, batch, stepper, every, creates_graph
):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    update = by_hand if stepper == "hand" else by_optimizer(optimizer)
    recorder = recording(every=every)

    losses = train(network, batch, update, 6, creates_graph)

    trace = seen(recorder)
    assert trace.losses.values == pytest.approx(losses)
    assert trace.steps == 6
    assert [s.step for s in trace.snapshots] == list(range(0, 6, every))
    assert trace.losses.stream_count == 1
    assert not trace.unseen


@pytest.mark.parametrize("stepper", ["hand", "optimizer"])
def test_the_graph_the_gradients_and_the_update_are_read(recording, network, batch, stepper):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    recorder = recording(every=1)
    loss = F.cross_entropy(network(batch[0]), batch[1])
    gradients = grad(loss, list(network.parameters()))
    (by_hand if stepper == "hand" else by_optimizer(optimizer))(network, gradients)

    (taken,) = seen(recorder).snapshots

    assert taken.loss.kind == "cross_entropy"
    assert taken.reading_of("1:relu#0").output_gradient.count.all()
    for (name, _), g in zip(network.named_parameters(), gradients, strict=True):
        found = taken.parameter(name)
        assert found.gradient_rms == pytest.approx(float(g.square().mean().sqrt()), rel=1e-5)
        assert found.update_rms == pytest.approx(0.1 * found.gradient_rms, rel=1e-4)
        assert np.isnan(found.stale_gradient_rms)  # nothing is accumulated


def test_a_parameter_that_no_gradient_was_asked_for_is_not_reached(recording, network, batch):
    recorder = recording(every=1)
    head = network[2]
    loss = F.cross_entropy(network(batch[0]), batch[1])
    by_hand(head, grad(loss, list(head.parameters())))

    (taken,) = seen(recorder).snapshots

    assert {p.name for p in taken.parameters if p.reached} == {"2.weight", "2.bias"}


def test_a_gradient_that_is_only_looked_at_is_no_step(recording, network, batch):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    parameters = list(network.parameters())
    recorder = recording(every=1)

    for _ in range(4):
        loss = F.cross_entropy(network(batch[0]), batch[1])
        grad(loss, parameters, retain_graph=True)  # before the pass, beside it, and after the step
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        grad(loss, parameters)
        optimizer.step()
        grad(F.cross_entropy(network(batch[0]), batch[1]), parameters)

    trace = seen(recorder)
    assert trace.losses.steps.tolist() == [s.step for s in trace.snapshots] == [0, 1, 2, 3]
    assert trace.losses.stream_count == 1
    assert trace.snapshots[-1].parameter("0.weight").stale_gradient_rms == 0
    (told,) = trace.unseen
    assert told.startswith("12 calls of torch.autograd.grad")


def test_what_is_never_followed_by_an_update_is_soon_recorded_no_longer(recording, network, batch):
    """Else the forward passes of an analysis of gradients pile up in a step without end."""
    parameters = list(network.parameters())
    recorder = recording(every=1)

    for _ in range(80):
        grad(F.cross_entropy(network(batch[0]), batch[1]), parameters, create_graph=True)
    noted = len(module_hooks._global_forward_hooks)
    train(network, batch, by_hand, 3)

    assert not noted
    assert len(seen(recorder).snapshots) == 2, "the steps after the first one"


def test_an_inner_step_of_meta_learning_is_no_step(recording, network, batch):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    recorder = recording(every=1)

    for _ in range(4):
        held = dict(network.named_parameters())
        inner = F.cross_entropy(network(batch[0]), batch[1])
        gradients = grad(inner, list(held.values()), create_graph=True)
        fast = {n: p - 0.1 * g for (n, p), g in zip(held.items(), gradients, strict=True)}
        outer = F.cross_entropy(torch.func.functional_call(network, fast, batch[0]), batch[1])
        optimizer.zero_grad()
        outer.backward()
        optimizer.step()

    trace = seen(recorder)
    assert len(trace.losses.values) == len(trace.snapshots) == trace.steps == 4


def test_an_outer_step_of_meta_learning_may_be_a_call_as_well(recording, network, batch):
    recorder = recording(every=1)

    for _ in range(4):
        held = dict(network.named_parameters())
        inner = F.cross_entropy(network(batch[0]), batch[1])
        gradients = grad(inner, list(held.values()), create_graph=True)
        fast = {n: p - 0.1 * g for (n, p), g in zip(held.items(), gradients, strict=True)}
        outer = F.cross_entropy(torch.func.functional_call(network, fast, batch[0]), batch[1])
        by_hand(network, grad(outer, list(held.values())))

    trace = seen(recorder)
    assert len(trace.losses.values) == len(trace.snapshots) == trace.steps == 4


def copies(network):
    return {n: p.detach().clone().requires_grad_() for n, p in network.named_parameters()}


def test_tensors_that_a_network_is_lent_are_read_in_place_of_its_own(recording, network, batch):
    lent = copies(network)
    optimizer = torch.optim.SGD(lent.values(), 0.1)
    recorder = recording(every=1)

    for _ in range(3):
        logits = torch.func.functional_call(network, lent, batch[0])
        optimizer.zero_grad()
        F.cross_entropy(logits, batch[1]).backward()
        optimizer.step()

    for shot in seen(recorder).snapshots:
        assert {p.name for p in shot.parameters} == set(lent)
        assert all(p.optimized and p.gradient_rms > 0 < p.update_rms for p in shot.parameters)


def test_a_network_that_is_lent_copies_is_not_reached_by_their_loss(recording, network, batch):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    recorder = recording(every=1)

    for _ in range(3):
        logits = torch.func.functional_call(network, copies(network), batch[0])
        F.cross_entropy(logits, batch[1]).backward()
        optimizer.step()

    trace = seen(recorder)
    assert not any(p.optimized for shot in trace.snapshots for p in shot.parameters)
    assert len(trace.unreached) == len(list(network.parameters()))


def test_a_product_with_the_hessian_is_no_loss(recording, network, batch):
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, 0.1)
    recorder = recording(every=1)

    for _ in range(3):
        loss = F.cross_entropy(network(batch[0]), batch[1])
        gradients = grad(loss, parameters, create_graph=True)
        product = sum((g * g.detach()).sum() for g in gradients)
        by_optimizer(optimizer)(network, grad(product, parameters))

    trace = seen(recorder)
    assert not len(trace.losses.values)
    told, calls = trace.unseen
    assert told.endswith("went through torch.autograd.backward"), "nothing was imported by name"
    assert calls.startswith("6 calls of torch.autograd.grad")


def test_a_penalty_on_the_input_and_transforms_are_no_steps(recording, network, batch):
    recorder = recording(every=1)
    x = batch[0].clone().requires_grad_()
    held = {n: p.detach() for n, p in network.named_parameters()}

    grad(network(x).sum(), x, create_graph=True)
    torch.func.grad(lambda p: torch.func.functional_call(network, p, batch[0]).sum())(held)

    trace = seen(recorder)
    assert not trace.snapshots
    assert not len(trace.losses.values)


def test_two_losses_before_one_update_are_two_passes_of_a_step(recording, network, batch):
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    parameters = list(network.parameters())
    recorder = recording(every=1)

    for _ in range(3):
        logits = network(batch[0])
        losses = F.cross_entropy(logits, batch[1]), logits.square().mean()
        parts = [grad(loss, parameters, retain_graph=True) for loss in losses]
        by_optimizer(optimizer)(network, [a + b for a, b in zip(*parts, strict=True)])

    trace = seen(recorder)
    assert trace.losses.streams.tolist() == [0, 1] * 3
    assert trace.losses.steps.tolist() == [0, 0, 1, 1, 2, 2]


def test_functional_training_is_the_same_to_the_last_bit_and_leaves_nothing(
    recording, network, batch
):
    twin = copy.deepcopy(network)
    plain = train(twin, batch, by_hand, creates_graph=True)
    recorder = recording(every=1)

    watched = train(network, batch, by_hand, creates_graph=True, take=torch.autograd.grad)
    pickle.dumps(network)
    recorder.stop()

    assert watched == plain
    for a, b in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_call_that_fails_fails_as_without_the_watcher(recording, network, batch):
    parameters = list(network.parameters())
    recorder = recording(every=1)
    loss = F.cross_entropy(network(batch[0]), batch[1])
    by_hand(network, grad(loss, parameters))

    with pytest.raises(RuntimeError, match="a second time"):
        grad(loss, parameters)
    train(network, batch, by_hand, 2)

    assert [s.step for s in seen(recorder).snapshots] == [0, 1, 2]


def test_plain_tensors_may_be_data_and_that_is_said(recording, batch):
    weight = torch.zeros(3, 2, requires_grad=True)
    recorder = recording(every=1)

    for _ in range(3):
        (gradient,) = grad(F.cross_entropy(batch[0] @ weight, batch[1]), [weight])
        weight.data -= gradient

    trace = seen(recorder)
    assert not trace.steps
    assert trace.unseen[0].startswith("3 calls of torch.autograd.grad for tensors that are no")


def test_each_of_two_recorders_sees_a_call_once(recording, network, batch):
    recorders = recording(every=1), recording(every=1)

    train(network, batch, by_hand, 3)

    assert [seen(recorder).steps for recorder in recorders] == [3, 3]


def test_another_loss_may_come_between_two_calls_that_train(recording, network, batch):
    """A part trained by its optimizer and another by hand are told apart."""
    head, body = network[2], network[0]
    optimizer = torch.optim.SGD(body.parameters(), 0.1)
    recorder = recording(every=1)

    for _ in range(4):
        loss = F.cross_entropy(network(batch[0]), batch[1])
        by_hand(head, grad(loss, list(head.parameters())))
        optimizer.zero_grad()
        network(batch[0]).square().mean().backward()
        optimizer.step()

    trace = seen(recorder)
    assert trace.losses.streams.tolist() == [0, 1] * 4
    assert not trace.unseen


# --- weights that are no nn.Parameter -------------------------------------------------------------
def descend(tensors, x, y, steps, rate=0.1):
    losses = []
    for _ in range(steps):
        loss = F.mse_loss(x @ tensors[0] + tensors[1], y)
        for tensor, slope in zip(tensors, grad(loss, tensors), strict=True):
            with torch.no_grad():
                tensor -= rate * slope
        losses.append(loss.item())
    return losses


def line():
    torch.manual_seed(0)
    x = torch.randn(16, 3)
    weights = [torch.zeros(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)]
    return weights, x, x.sum(1, keepdim=True)


def test_plain_tensors_that_are_updated_in_place_are_weights(recording):
    plain = descend(*line(), steps=8)
    recorder = recording(every=1)
    watched = descend(*line(), steps=8)
    trace = seen(recorder)

    assert watched == plain
    assert trace.losses.values.tolist() == pytest.approx(plain[2:])
    assert [p.optimized for p in trace.snapshots[0].parameters] == [True, True]
    assert trace.snapshots[0].parameters[0].update_rms > 0


def test_one_tensor_that_is_updated_in_place_may_be_a_picture(recording):
    (weight, _), x, y = line()
    recorder = recording(every=1)
    for _ in range(6):
        (slope,) = grad(F.mse_loss(x @ weight, y), [weight])
        with torch.no_grad():
            weight += slope.sign()
    trace = seen(recorder)

    assert (trace.steps, len(trace.losses.values)) == (0, 0)
