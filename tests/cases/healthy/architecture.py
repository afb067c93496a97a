import math

import torch
import torch.nn.functional as F
from data import accuracy, curve, digits, minibatches, moons, split, tumours, wine
from program import healthy
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint


def fit(model, x, y, steps=250, lr=0.005, size=64, parameters=None):
    """The usual loop: shuffled batches, cross-entropy, Adam."""
    optimizer = torch.optim.Adam(parameters or model.parameters(), lr=lr)
    for xb, yb in minibatches(x, y, size, steps):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()


@healthy("accuracy", at_least=0.9)
def sparse_relu_units():
    """Biases of −1 keep nearly every unit silent on nearly every input, and some on all."""
    x, y = digits()
    x = (x - x.mean(0)) / (x.std(0) + 0.1)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    nn.init.constant_(model[0].bias, -1.0)
    fit(model, x, y)
    return accuracy(model, x, y)


class Residual(nn.Module):
    def __init__(self, width, scaled=False):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        self.scale = nn.Parameter(torch.zeros(1)) if scaled else None
        if not scaled:
            nn.init.zeros_(self.outer.weight)
            nn.init.zeros_(self.outer.bias)

    def forward(self, x):
        branch = self.outer(F.relu(self.inner(x)))
        return x + (branch if self.scale is None else self.scale * branch)


@healthy("accuracy", at_least=0.9)
def residual_branches_from_zero():
    """The last layer of each residual branch starts at zero (Fixup, Zhang 2019)."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), *[Residual(32) for _ in range(4)], nn.Linear(32, 10))
    fit(model, x, y, steps=200)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def residual_scales_from_zero():
    """A learnt scale of zero before each branch (ReZero): branches have no gradient at first."""
    x, y = digits()
    blocks = [Residual(32, scaled=True) for _ in range(4)]
    model = nn.Sequential(nn.Linear(64, 32), *blocks, nn.Linear(32, 10))
    fit(model, x, y, steps=200)
    return accuracy(model, x, y)


class LowRank(nn.Module):
    def __init__(self, frozen, rank=4):
        super().__init__()
        self.frozen = frozen.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, frozen.in_features) / math.sqrt(frozen.in_features))
        self.b = nn.Parameter(torch.zeros(frozen.out_features, rank))

    def forward(self, x):
        return self.frozen(x) + F.linear(F.linear(x, self.a), self.b)


@healthy("accuracy on the new classes", at_least=0.9)
def low_rank_adapters():
    """LoRA: frozen weights plus a product of two thin matrices, the second one zero at first."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
    fit(model, x[y < 5], y[y < 5], steps=80)
    model[0], model[2] = LowRank(model[0]), LowRank(model[2])
    x, y = x[y >= 5], y[y >= 5] - 5
    fit(
        model,
        x,
        y,
        steps=250,
        lr=0.01,
        parameters=[p for p in model.parameters() if p.requires_grad],
    )
    return accuracy(model, x, y)


@healthy("accuracy on the new classes", at_least=0.8)
def frozen_backbone_with_a_new_head():
    """Only the new head is trained; the backbone has no gradient and no optimizer."""
    x, y = digits()
    backbone = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
    fit(nn.Sequential(backbone, nn.Linear(128, 5)), x[y < 5], y[y < 5], steps=60, lr=0.002)
    x, y = x[y >= 5], y[y >= 5] - 5
    backbone.requires_grad_(False)
    head = nn.Linear(128, 5)
    model = nn.Sequential(backbone, head)
    fit(model, x, y, steps=250, lr=0.02, parameters=head.parameters())
    return accuracy(model, x, y)


@healthy("accuracy on the new classes", at_least=0.9)
def frozen_batch_norm():
    """Fine-tuning with batch norm in evaluation mode, so that its statistics stay as they are."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    fit(model, x[y < 5], y[y < 5], steps=100)
    x, y = x[y >= 5], y[y >= 5]
    model.train()
    model[1].eval()
    fit(model, x, y, steps=150, lr=0.003)
    return accuracy(model, x, y)


class Experts(nn.Module):
    def __init__(self, width_in, width_out, experts):
        super().__init__()
        self.gate = nn.Linear(width_in, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width_in, 16), nn.ReLU(), nn.Linear(16, width_out))
            for _ in range(experts)
        )

    def forward(self, x):
        share, chosen = self.gate(x).softmax(1).max(1)
        out = x.new_zeros(len(x), self.experts[0][-1].out_features)
        for k, expert in enumerate(self.experts):
            rows = (chosen == k).nonzero().squeeze(1)
            if len(rows):
                out = out.index_add(0, rows, share[rows, None] * expert(x[rows]))
        return out


@healthy("accuracy", at_least=0.9)
def rarely_used_experts():
    """A mixture of eight experts, one for each row: some get no row in most of the steps."""
    x, y = wine()
    model = Experts(13, 3, experts=8)
    fit(model, x, y, steps=200, lr=0.01, size=16)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def weight_normalisation():
    """Direction and length of each weight row are separate parameters."""
    x, y = digits()
    norm = parametrizations.weight_norm
    model = nn.Sequential(norm(nn.Linear(64, 64)), nn.ReLU(), norm(nn.Linear(64, 10)))
    fit(model, x, y)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.85)
def spectral_normalisation():
    """Every layer is divided by its largest singular value: gradients are small throughout."""
    x, y = digits()
    x = x - x.mean(0)
    norm = parametrizations.spectral_norm
    model = nn.Sequential(norm(nn.Linear(64, 64)), nn.ReLU(), norm(nn.Linear(64, 10)))
    fit(model, x, y, lr=0.01)
    return accuracy(model, x, y)


class Maxout(nn.Module):
    def __init__(self, width_in, width_out, pieces):
        super().__init__()
        self.linear, self.pieces = nn.Linear(width_in, width_out * pieces), pieces

    def forward(self, x):
        return self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1)


@healthy("accuracy", at_least=0.9)
def maxout_units():
    """The largest of four linear maps is the only non-linearity."""
    x, y = digits()
    model = nn.Sequential(Maxout(64, 32, 4), nn.Linear(32, 10))
    fit(model, x, y)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.95)
def gated_linear_units():
    """One half of a linear map gates the other half: the product is the non-linearity."""
    x, y = moons()
    model = nn.Sequential(nn.Linear(2, 64), nn.GLU(), nn.Linear(32, 32), nn.GLU(), nn.Linear(16, 2))
    fit(model, x, y, lr=0.02)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def dropout_of_four_fifths():
    """Four of five hidden units are dropped at random in each step."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Dropout(0.8), nn.Linear(512, 10))
    fit(model, x, y, steps=200)
    return accuracy(model, x, y)


@healthy("mean accuracy of the members", at_least=0.9)
def ensemble_as_one_program():
    """Eight networks stacked and trained as one through `vmap`."""
    x, y = wine()
    models = [nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 3)) for _ in range(8)]
    parameters, buffers = torch.func.stack_module_state(models)
    parameters = {name: p.detach().requires_grad_() for name, p in parameters.items()}

    def logits(p, b, x):
        return torch.func.functional_call(models[0], (p, b), (x,))

    every = torch.func.vmap(logits, in_dims=(0, 0, None))
    optimizer = torch.optim.Adam(parameters.values(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 150):
        out = every(parameters, buffers, xb)
        loss = F.cross_entropy(out.flatten(0, 1), yb.repeat(8))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (every(parameters, buffers, x).argmax(-1) == y).float().mean()


class Equilibrium(nn.Module):
    """The fixed point of one layer, found without gradients; the last step is differentiated."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, width)
        nn.init.orthogonal_(self.inner.weight, gain=0.5)

    def forward(self, x):
        z = torch.zeros_like(x)
        with torch.no_grad():
            for _ in range(15):
                z = torch.tanh(self.inner(z) + x)
        return torch.tanh(self.inner(z) + x)


@healthy("accuracy", at_least=0.9)
def deep_equilibrium():
    """One layer iterated to its fixed point, most of the time outside the graph."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), Equilibrium(32), nn.Linear(32, 10))
    fit(model, x, y, steps=150)
    return accuracy(model, x, y)


@healthy("unexplained variance", at_most=0.05)
def one_layer_used_ten_times():
    """The same weights ten times in a row, as an unrolled iteration."""
    x, y = curve()
    first, shared, last = nn.Linear(1, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def model(x):
        z = first(x)
        for _ in range(10):
            z = z + 0.3 * torch.tanh(shared(z))
        return last(z)

    parameters = [*first.parameters(), *shared.parameters(), *last.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.003)
    for xb, yb in minibatches(x, y, 64, 200):
        optimizer.zero_grad()
        F.mse_loss(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return ((model(x) - y) ** 2).mean() / y.var()


class Checkpointed(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return checkpoint(self.inner, x, use_reentrant=False)


@healthy("accuracy", at_least=0.9)
def checkpointed_blocks():
    """Activations are thrown away and computed again in the backward pass."""
    x, y = digits()
    blocks = [Checkpointed(nn.Sequential(nn.Linear(64, 64), nn.ReLU())) for _ in range(3)]
    model = nn.Sequential(*blocks, nn.Linear(64, 10))
    fit(model, x, y, steps=200)
    return accuracy(model, x, y)


@healthy("held-out accuracy", at_least=0.9)
def pruned_network():
    """Nine of ten weights are held at zero by a mask: whole gradients are zero there."""
    (x, y), (x_new, y_new) = split(*digits())
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    prune.random_unstructured(model[0], "weight", 0.9)
    fit(model, x, y)
    return accuracy(model, x_new, y_new)


@healthy("accuracy", at_least=0.9)
def linear_bottleneck():
    """A low-rank factorisation of the first layer: two linear maps in a row, on purpose."""
    x, y = digits()
    model = nn.Sequential(
        nn.Linear(64, 12, bias=False), nn.Linear(12, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    fit(model, x, y)
    return accuracy(model, x, y)


class Binarised(nn.Module):
    def forward(self, x):
        return x + (x.sign() - x).detach() if self.training else x.sign()


@healthy("accuracy", at_least=0.85)
def straight_through_estimator():
    """Hidden units are exactly ±1; the gradient passes as if they were not."""
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), Binarised(), nn.Linear(128, 10))
    fit(model, x, y)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def softmax_attention_over_features():
    """A softmax inside the network that weighs the inputs, far from the loss."""
    x, y = tumours()

    class Weighed(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.head = nn.Linear(30, 30), nn.Linear(30, 2)

        def forward(self, x):
            return self.head(30 * self.score(x).softmax(-1) * x)

    model = Weighed()
    fit(model, x, y, steps=150)
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def twenty_deep_with_selu():
    """Twenty self-normalising layers without any normalisation layer."""
    x, y = tumours()
    layers = []
    for _ in range(20):
        linear = nn.Linear(30, 30)
        nn.init.normal_(linear.weight, 0, 30**-0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.SELU()]
    model = nn.Sequential(*layers, nn.Linear(30, 2))
    fit(model, x, y, steps=120, lr=0.001)
    return accuracy(model, x, y)
