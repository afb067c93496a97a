"""Every way to call backward is recorded as what it does."""

import pytest
import torch
import torch.nn.functional as F
from training_steps import sgd, steps


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
    assert {s.reason for s in trace.snapshots} == {"scheduled"}
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
