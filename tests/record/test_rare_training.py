"""Trainings that are rare and right: they are recorded as a whole, and go on as they would."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from training_steps import sgd


class Listed(nn.Linear):
    """Parameters in a list, as some programs override it."""

    def parameters(self, recurse=True):
        return list(super().parameters(recurse))


class Lazy(nn.Module):
    """A branch that does not run has no shape yet."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(3, 2), nn.LazyLinear(2)

    def forward(self, x):
        return self.used(x)


class Shown(nn.Module):
    """Truth values beside the numbers."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        h = self.layer(x)
        return h > 0, h


def squared(model, x, step):
    return F.mse_loss(model(x), x[:, :2])


def no_samples_at_times(model, x, step):
    return F.mse_loss(
        model(x[: 0 if step == 2 else 8]), x[: 0 if step == 2 else 8, :2], reduction="sum"
    )


def nobody_counts_at_times(model, x, step):
    return F.l1_loss(
        model(x[: 0 if step == 2 else 8]), x[: 0 if step == 2 else 8, :2], reduction="sum"
    )


def margins_of_truth_values(model, x, step):
    return F.relu(1 - (x[:, :2] > 0) * model(x)).mean()


def beside_truth_values(model, x, step):
    return F.mse_loss(model(x)[1], x[:, :2])


TRAININGS = {
    "parameters in a list": (lambda: Listed(3, 2), squared),
    "a lazy branch": (Lazy, squared),
    "an empty batch": (lambda: nn.Linear(3, 2), no_samples_at_times),
    "an empty batch, absolute errors": (lambda: nn.Linear(3, 2), nobody_counts_at_times),
    "truth values in a product": (lambda: nn.Linear(3, 2), margins_of_truth_values),
    "truth values returned": (Shown, beside_truth_values),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_it_is_recorded_without_a_failure(recording, name):
    make, loss_of = TRAININGS[name]
    torch.manual_seed(0)
    model, x = make(), torch.randn(8, 3)
    recorder = recording(every=1)
    optimizer = sgd(model)
    for step in range(4):
        optimizer.zero_grad()
        loss_of(model, x, step).backward()
        optimizer.step()
    recorder.stop()

    trace = recorder.trace()
    assert len(trace.snapshots) == 4
    assert trace.unseen == ()
    assert [f for shot in trace.snapshots for f in shot.coverage.failures] == []
    assert {shot.loss.kind for shot in trace.snapshots} & {"other"} == set()


def test_an_average_of_a_network_whose_head_is_replaced(recording):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
    average = copy.deepcopy(model).eval()
    recorder = recording(every=1)
    optimizer = sgd(model)
    for step in range(8):
        if step == 4:
            model[2] = nn.Linear(16, 5)
            average[2] = copy.deepcopy(model[2])
            optimizer = sgd(model)
        optimizer.zero_grad()
        F.cross_entropy(model(torch.randn(8, 3)), torch.randint(0, 2, (8,))).backward()
        optimizer.step()
        with torch.no_grad():
            for own, p in zip(average.parameters(), model.parameters(), strict=True):
                own.lerp_(p, 0.1)
    recorder.stop()

    assert [shot.step for shot in recorder.trace().snapshots] == list(range(8))
    assert recorder.trace().unseen == ()


def test_a_view_of_features_from_inference_mode(recording):
    torch.manual_seed(0)
    backbone, flat, head = nn.Linear(3, 16), nn.Flatten(), nn.Linear(16, 2)
    recorder = recording(every=1)
    optimizer = sgd(head)
    for _ in range(3):
        with torch.inference_mode():
            features = backbone(torch.randn(8, 3)).unsqueeze(-1)
        given = flat(features).clone()
        optimizer.zero_grad()
        F.cross_entropy(head(given), torch.randint(0, 2, (8,))).backward()
        optimizer.step()
    recorder.stop()

    assert len(recorder.trace().snapshots) == 3
    assert recorder.trace().unseen == ()


def test_gradients_from_an_iterator_are_left_for_torch(recording):
    model = nn.Linear(3, 2)
    recorder = recording(every=1)
    one, other = model(torch.ones(4, 3)), model(torch.zeros(4, 3))

    torch.autograd.backward([one, other], map(torch.ones_like, (one, other)))

    recorder.stop()
    assert model.bias.grad.tolist() == [8.0, 8.0]


@pytest.mark.parametrize("of_all", [False, True], ids=["by hand", "of torch"])
def test_weights_that_are_broadcast_with_the_residuals_are_no_weights(recording, of_all):
    model, x, y = nn.Linear(3, 1), torch.randn(8, 3), torch.randn(8, 1)
    weights = torch.rand(8)
    recorder = recording(every=1)
    residual = F.mse_loss(model(x), y, reduction="none") if of_all else (model(x) - y) ** 2

    (weights * residual).mean().backward()

    recorder.stop()
    (shot,) = recorder.trace().snapshots
    assert shot.loss.crossing is not None
    assert shot.loss.kind == "other"
