"""Decision boundaries in the plane: networks fitted to 2-D data, drawn as maps."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from lifesigns.nets import MLP, Recipe, train
from lifesigns.nets.data import Split
from lifesigns.report.figures import Spec, raster

REACH = 2.4
"""The map covers ± this in standardised units."""
PIXELS = 160
POINTS = 300


def fitted(network: MLP, data: Split, rate: float, steps: int, seed: int = 0) -> nn.Module:
    """The network after `steps` steps of descent on cross-entropy.

    Args:
        network: Takes samples of two features, gives two logits.
        data: Its training samples are used.
        rate: Learning rate; momentum is 0.9.
        steps: Training steps in minibatches.
        seed: Of the weights and of the order of the samples; the global random state is left alone.

    Returns:
        The trained module.
    """
    recipe = Recipe(network, "cross_entropy", rate, epochs=steps)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = network.build()
    optimizer = replace(recipe, momentum=0.9).make_optimizer(model.parameters())
    losses = train(recipe, model, optimizer, data.inputs, data.targets, seed)
    for _ in itertools.islice(losses, steps):
        pass
    return model


def boundary_map(model: nn.Module, data: Split, title: str, subtitle: str = "") -> Spec:
    """The probability of class 1 over the plane, with some of the samples.

    Args:
        model: Takes `[..., 2]`, gives logits `[..., 2]`.
        data: The first `POINTS` training samples within the map are drawn.
        title: What is drawn.
        subtitle: What to look at; empty for none.
    """
    line = torch.linspace(-REACH, REACH, PIXELS)
    down, across = torch.meshgrid(line.flip(0), line, indexing="ij")
    with torch.no_grad():
        score = torch.softmax(model(torch.stack((across, down), -1)), -1)[..., 1]
    points = [
        {
            "first feature": round(float(x), 4),
            "second feature": round(float(y), 4),
            "class": str(int(label)),
        }
        for (x, y), label in zip(data.inputs[:POINTS], data.targets[:POINTS], strict=True)
        if max(abs(float(x)), abs(float(y))) < REACH
    ]
    extent = (-REACH, REACH, -REACH, REACH)
    return raster(
        np.asarray(score, float),
        extent,
        title=title,
        subtitle=subtitle,
        x="first feature",
        y="second feature",
        points=points,
        by="class",
    )
