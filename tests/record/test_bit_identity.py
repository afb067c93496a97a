"""Training is the same to the last bit with and without the recorder, every step recorded."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from lifesigns.record import Recorder

torch.set_num_threads(1)
STEPS = 6


class Training:
    """A training: a model, how it is called, and what a step does."""

    def __init__(self, model, x, y, forward=None, optimizer=torch.optim.Adam):
        self.model, self.x, self.y = model, x, y
        self.forward = forward or model
        self.optimizer = optimizer(model.parameters(), 0.01)
        self.models, self.optimizers, self.losses = [model], [self.optimizer], []

    def step(self):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.forward(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.detach().clone())


def labels(n=8, classes=3):
    return torch.arange(n) % classes


def mlp():
    layers = [nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 16), nn.GELU()]
    return Training(nn.Sequential(*layers, nn.Linear(16, 3)), torch.randn(8, 5), labels())


def cnn():
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6), nn.SiLU(inplace=True), nn.Flatten()]
    return Training(nn.Sequential(*layers, nn.Linear(6, 3)), torch.randn(8, 3, 8, 8), labels())


def recurrent(kind):
    model = nn.ModuleDict({"cell": kind(4, 6, 2, batch_first=True, dropout=0.2)})
    model["head"] = nn.Linear(6, 3)
    training = Training(model, torch.randn(8, 7, 4), labels())
    training.forward = lambda x: model["head"](model["cell"](x)[0][:, -1])
    return training


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.2, batch_first=True)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3))
    return Training(model, torch.randn(8, 5, 8), labels())


def checkpointed(reentrant):
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
            self.middle = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.3), nn.ReLU())

        def forward(self, x):
            return self.last(checkpoint(self.middle, self.first(x), use_reentrant=reentrant))

    return Training(Checkpointed(), torch.randn(8, 5), labels())


def saved_on_cpu():
    training = mlp()
    model = training.model

    def forward(x):
        with torch.autograd.graph.save_on_cpu():
            return model(x)

    training.forward = forward
    return training


def autocast():
    training = cnn()
    model = training.model

    def forward(x):
        with torch.autocast("cpu", torch.bfloat16):
            return model(x)

    training.forward = forward
    return training


def autocast_around_backward():
    training = mlp()
    step = training.step

    def step_within():
        with torch.autocast("cpu", torch.bfloat16):
            step()

    training.step = step_within
    return training


class Gan(Training):
    """Two networks and two optimizers that take turns."""

    def __init__(self):
        generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh())
        super().__init__(generator, torch.randn(8, 5), None)
        self.critic = nn.Sequential(
            nn.Linear(5, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 1)
        )
        self.second = torch.optim.RMSprop(self.critic.parameters(), 0.01)
        self.models.append(self.critic)
        self.optimizers.append(self.second)

    def step(self):
        made = self.model(torch.randn(8, 4))
        self.second.zero_grad()
        real, fake = self.critic(self.x), self.critic(made.detach())
        loss = F.binary_cross_entropy_with_logits(real, torch.ones(8, 1))
        loss = loss + F.binary_cross_entropy_with_logits(fake, torch.zeros(8, 1))
        loss.backward()
        self.second.step()
        self.optimizer.zero_grad()
        fooled = F.binary_cross_entropy_with_logits(self.critic(made), torch.ones(8, 1))
        fooled.backward()
        self.optimizer.step()
        self.losses += [loss.detach().clone(), fooled.detach().clone()]


class Accumulated(Training):
    """Four micro-batches for each step of the optimizer."""

    def step(self):
        self.optimizer.zero_grad()
        for x, y in zip(self.x.split(2), self.y.split(2), strict=True):
            loss = F.cross_entropy(self.forward(x), y) / 4
            loss.backward()
            self.losses.append(loss.detach().clone())
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


def accumulated():
    base = mlp()
    return Accumulated(base.model, base.x, base.y)


def handwritten():
    """In-place forms, views, residuals, where, clamp, products and a loss by hand at once."""

    class Handwritten(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.out = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            h = F.rrelu(self.one(x), training=True, inplace=True)
            h = h + torch.where(self.two(h) > 0, self.two(h), 0)
            h = F.leaky_relu_(h * torch.sigmoid(h)).clamp(max=5)
            h = h * 1.5
            h[:, :4].mul_(0.5)
            h = torch.maximum(h, -h).unflatten(1, (4, 2)).max(2).values.repeat(1, 2)
            return torch.softmax(self.out(h), 1)

    training = Training(Handwritten(), torch.randn(8, 5), labels())

    def step():
        training.optimizer.zero_grad()
        p = training.forward(training.x)
        loss = -torch.log(p[torch.arange(8), training.y] + 1e-7).mean()
        loss = loss + 1e-3 * sum(w.square().sum() for w in training.model.parameters())
        (loss * 1024).backward()
        training.optimizer.step()
        training.losses.append(loss.detach().clone())

    training.step = step
    return training


TRAININGS = {
    "MLP with dropout": mlp,
    "CNN with batch norm and in-place activations": cnn,
    "LSTM": lambda: recurrent(nn.LSTM),
    "GRU": lambda: recurrent(nn.GRU),
    "transformer encoder layer": transformer,
    "reentrant checkpointing": lambda: checkpointed(True),
    "checkpointing": lambda: checkpointed(False),
    "save_on_cpu": saved_on_cpu,
    "autocast": autocast,
    "autocast around backward": autocast_around_backward,
    "GAN": Gan,
    "gradient accumulation": accumulated,
    "by hand": handwritten,
}


def outcome(make, watched):
    """Weights, gradients, buffers, losses, optimizer and random state after a short training."""
    torch.manual_seed(3)
    training = make()
    recorder = Recorder(None, training.optimizers, every=1, strict=True)
    if watched:
        recorder.start()
    for _ in range(STEPS):
        training.step()
    recorder.stop()
    tensors = list(training.losses)
    for model in training.models:
        tensors += [*model.parameters(), *model.buffers()]
        tensors += [p.grad for p in model.parameters() if p.grad is not None]
    tensors += [
        value
        for optimizer in training.optimizers
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    return [*tensors, torch.get_rng_state()], recorder.trace()


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")
def test_training_is_bit_identical_with_and_without_the_recorder(name):
    plain, _ = outcome(TRAININGS[name], watched=False)
    watched, trace = outcome(TRAININGS[name], watched=True)

    assert len(plain) == len(watched)
    for a, b in zip(plain, watched, strict=True):
        assert a.dtype == b.dtype
        assert torch.equal(a, b)
    assert trace.recorded_steps == STEPS
    assert all(snapshot.sites for snapshot in trace.snapshots)
    assert not any(snapshot.coverage.failures for snapshot in trace.snapshots)


def counted(reentrant):
    """How often a checkpointed function ran in one step, and the trace of it."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    inner = nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())
    both, calls = nn.ModuleList([model, inner]), []

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.both = both

        def forward(self, x):
            def run(h):
                calls.append(1)
                return inner(h)

            return checkpoint(run, model(x), use_reentrant=reentrant)

    whole = Whole()
    recorder = Recorder(whole, every=1, strict=True)
    recorder.start()
    whole(torch.randn(4, 3)).sum().backward()
    recorder.stop()
    return len(calls), recorder.trace().snapshots[0]


@pytest.mark.parametrize("reentrant", [True, False])
def test_the_recorder_never_recomputes_a_checkpoint(reentrant):
    calls, _ = counted(reentrant)
    assert calls == 2  # once forward, once by the checkpoint itself


def test_without_reentry_a_checkpoint_is_seen_by_its_gradients():
    _, taken = counted(reentrant=False)
    found = taken.reading(taken.graph.find("both.1.1:sigmoid#0"))
    assert found.value is None
    assert 0 < found.derivative_factor <= 0.25
    assert taken.coverage.hooked_saves == 1


def test_with_reentry_a_checkpoint_is_walked_when_it_runs_again():
    _, taken = counted(reentrant=True)
    names = [site.name for site in taken.graph.sites]
    assert sum(name.endswith("sigmoid#0") for name in names) == 1
    found = taken.reading(next(i for i, name in enumerate(names) if name.endswith("sigmoid#0")))
    assert found.value.count.tolist() == [4, 4, 4]
    assert 0 < found.derivative_factor <= 0.25
    parameters = {p.name: p for p in taken.parameters}
    assert parameters["both.1.0.weight"].reached
    assert parameters["both.1.0.weight"].gradient_rms > 0
