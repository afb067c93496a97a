"""Backpropagation multiplies the error by weights and slopes, layer by layer."""

import torch
from torch import nn

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, stated
from lifesigns.nets import MLP
from lifesigns.nets.data import load
from lifesigns.report.figures import lines


def experiment(effort: Effort) -> Result:
    """δ = (Wᵀ δ₊) ⊙ σ′(z), written out for a network of four sigmoid layers, against autograd."""
    digits = load("digits")
    torch.manual_seed(0)
    model = MLP(64, (32,) * 4, 10, "sigmoid", initialiser="glorot_uniform").build().double()
    x, y = digits.inputs[:128].double(), digits.targets[:128]
    layers = [m for m in model if isinstance(m, nn.Linear)]
    values, slopes = [x], []
    for layer in layers[:-1]:
        values.append(torch.sigmoid(layer(values[-1])))
        slopes.append(values[-1] * (1 - values[-1]))
    logits = layers[-1](values[-1])
    loss = nn.functional.cross_entropy(logits, y)
    expected = torch.autograd.grad(loss, [layer.weight for layer in layers])
    delta = logits.softmax(-1) - nn.functional.one_hot(y, 10)  # of each sample, as in the formula
    errors, deltas = [], [delta]
    for index in range(len(layers) - 1, -1, -1):
        mean = delta.T @ values[index] / len(y)  # the loss is a mean over the batch
        errors.append(float((mean - expected[index]).detach().abs().max()))
        if index:
            delta = (delta @ layers[index].weight) * slopes[index - 1]
            deltas.append(delta)
    sizes = [float(d.detach().square().mean().sqrt()) for d in reversed(deltas)]
    rows = [
        {"layer": number, "RMS of δ": size, "pass": "backward"}
        for number, size in enumerate(sizes, 1)
    ]
    means = [float(s.detach().mean()) for s in slopes]
    return Result(
        (
            below("largest difference from autograd", max(errors), 1e-15),
            below("δ of the first layer over that of the last", sizes[0] / sizes[-1], 0.1),
            below("largest mean slope of a layer", max(means), 0.25),
            stated("smallest mean slope of a layer", min(means)),
            *(stated(f"RMS of δ, layer {number}", size) for number, size in enumerate(sizes, 1)),
        ),
        f"Written out, the rule gives autograd's gradients to {max(errors):.0e}. Each of these "
        f"layers multiplies the error by weights and by a slope of {min(means):.2f} to "
        f"{max(means):.2f} on average, so that {sizes[0] / sizes[-1]:.1%} of it reaches the first.",
        lines(
            rows,
            "layer",
            "RMS of δ",
            by="pass",
            title="The error on its way back",
            subtitle="four layers of sigmoids, digits, before training",
            logarithmic_y=True,
            points=True,
        ),
    )


CLAIM = Claim(
    name="backpropagation",
    sentences=("backpropagation",),
    text="Backpropagation multiplies the error by the weights and the slopes, layer by layer.",
    source="textbook; Rumelhart, Hinton & Williams 1986",
    published="the formula",
    kind=Kind.EXACT,
    experiment=experiment,
)
