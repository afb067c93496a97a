"""Modules in evaluation mode are named exactly where they take part in the training step."""

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record, snapshot
from torch import nn
from torch.utils.checkpoint import checkpoint

from lifesigns.record import Recorder

torch.set_num_threads(1)


def evaluating(model, x, forward=None, watched=None):
    """What one step of training names."""

    def step():
        (forward or model)(x).square().mean().backward()

    return snapshot(step, watched).evaluating


def network():
    layers = [nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 2)]
    return nn.Sequential(*layers)


X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def test_a_network_in_training_mode_names_nothing():
    assert evaluating(network(), X) == ()


@pytest.mark.parametrize("given", [True, False])
def test_a_network_left_in_evaluation_mode_is_found_and_named_with_its_parts(given):
    model = network().eval()
    assert evaluating(model, X, watched=model if given else None) == ("", "1", "3")


def test_a_part_in_evaluation_mode_is_named_by_itself():
    model = network()
    model[3].eval()
    assert evaluating(model, X) == ("3",)


def test_a_network_without_parts_that_differ_is_named_as_a_root():
    assert evaluating(nn.Sequential(nn.Linear(3, 4), nn.Tanh()).eval(), X) == ("",)


@pytest.mark.parametrize(
    ("part", "shape", "differs"),
    [
        (nn.Dropout(0.5), (8, 4), True),
        (nn.Dropout(0.0), (8, 4), False),
        (nn.AlphaDropout(0.5), (8, 4), True),
        (nn.Dropout2d(0.5), (8, 4, 3, 3), True),
        (nn.BatchNorm1d(4), (8, 4), True),
        (nn.BatchNorm2d(4, affine=False), (8, 4, 3, 3), True),
        (nn.BatchNorm1d(4, track_running_stats=False), (8, 4), False),
        (nn.InstanceNorm1d(4, track_running_stats=True), (8, 4, 3), True),
        (nn.InstanceNorm1d(4), (8, 4, 3), False),
        (nn.LayerNorm(4), (8, 4), False),
        (nn.GroupNorm(2, 4), (8, 4), False),
        (nn.LSTM(4, 4, num_layers=2, dropout=0.5), (8, 4), True),
        (nn.GRU(4, 4), (8, 4), False),
    ],
    ids=lambda value: str(value),
)
def test_only_what_behaves_otherwise_in_training_is_named(part, shape, differs):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.part = part

        def forward(self, x):
            output = self.part(x * self.scale)
            return output[0] if isinstance(output, tuple) else output

    model = Net()
    part.eval()
    try:
        assert evaluating(model, torch.randn(shape)) == (("part",) if differs else ())
    finally:
        part.train()


def test_the_dropout_inside_an_attention_and_around_it_is_named():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.2, batch_first=True)
    model = nn.Sequential(nn.Linear(3, 8), layer)
    layer.eval()
    named = evaluating(model, torch.randn(4, 5, 3))
    assert named == ("1.self_attn", "1.dropout1", "1.dropout", "1.dropout2")


def test_a_frozen_part_in_evaluation_mode_does_not_train():
    """Fine-tuning a head on frozen features is as it should be."""
    frozen, head = network().eval().requires_grad_(False), nn.Linear(2, 2)
    model = nn.Sequential(frozen, head)
    assert evaluating(model, X) == ()


def test_a_part_that_another_loss_goes_through_is_not_named():
    """Of a GAN in which the generator is evaluated while the critic trains."""
    made, critic = network().eval(), nn.Linear(2, 1)
    optimizer = torch.optim.SGD(critic.parameters(), 0.1)

    def step():
        real = critic(torch.randn(8, 2))
        fake = critic(made(X).detach())
        (real - fake).mean().backward()
        optimizer.step()

    last = record(step, nn.ModuleList([made, critic]), [optimizer]).snapshots[-1]
    assert last.evaluating == ()


def test_an_evaluation_between_two_steps_is_not_training():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        model.eval()
        with torch.no_grad():
            model(X)
        model(X).sum()  # with gradients, but no backward pass
        model.train()
        model(X).square().mean().backward()
        optimizer.step()

    assert [s.evaluating for s in record(step, None, [optimizer], 3).snapshots] == [()] * 3


def test_training_that_stays_in_evaluation_mode_after_validation_is_noticed():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step():
        model(X).square().mean().backward()
        optimizer.step()
        model.eval()

    before, after = record(step, model, [optimizer], 2).snapshots
    assert before.evaluating == ()
    assert after.evaluating == ("", "1", "3")


@pytest.mark.parametrize("training", [True, False])
def test_a_functional_batch_norm_that_does_not_normalise_the_batch_is_named(training):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 6)

        def forward(self, x):
            return F.batch_norm(self.first(x), torch.zeros(6), torch.ones(6), training=training)

    assert evaluating(Net(), X) == (() if training else (":batch_norm#0",))


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_parts_are_seen_too(reentrant):
    model = network()
    model[1].eval()

    def forward(x):
        return model[4](checkpoint(model[1:4], model[0](x), use_reentrant=reentrant))

    recorder = Recorder(model, every=1, strict=True)
    recorder.start()
    try:
        forward(X).square().mean().backward()
    finally:
        recorder.stop()
    assert recorder.trace().snapshots[0].evaluating == ("1",)


def test_several_roots_are_named_by_their_kinds():
    class Critic(nn.Linear):
        """A root with a name of its own."""

    made, critic = network().eval(), Critic(2, 1)
    assert evaluating(None, X, lambda x: critic(made(x))) == (
        "Sequential",
        "Sequential.1",
        "Sequential.3",
    )
