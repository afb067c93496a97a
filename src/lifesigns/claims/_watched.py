"""Training recipes under lifesigns' own eye: which rules raise an alarm."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch

from lifesigns.nets import Recipe, train
from lifesigns.nets.data import Split
from lifesigns.record import Recorder
from lifesigns.records import Severity, Trace
from lifesigns.rules import judge


def watched(recipe: Recipe, data: Split, *, steps: int, seed: int = 0) -> Trace:
    """The trace of `steps` training steps of a recipe, every step recorded.

    Args:
        recipe: Its own number of epochs is not used.
        data: Targets are brought into the form of the loss.
        steps: Training steps.
        seed: Of the weights and of the order of the samples; the global random state is left alone.
    """
    data = data.for_loss(recipe.loss)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        model = recipe.network.build()
    optimizer = recipe.make_optimizer(model.parameters())
    recorder = Recorder(every=1)
    recorder.start()
    try:
        endless = replace(recipe, epochs=steps)
        losses = train(endless, model, optimizer, data.inputs, data.targets, seed)
        for _ in itertools.islice(losses, steps):
            pass
    finally:
        recorder.stop()
    return recorder.trace()


def noted(recipe: Recipe, data: Split, *, steps: int, seed: int = 0) -> tuple[str, ...]:
    """Names of the rules that say anything at all.

    Args:
        recipe: Its own number of epochs is not used.
        data: Targets are brought into the form of the loss.
        steps: Training steps.
        seed: Of the weights and of the order of the samples.
    """
    return tuple(f.rule for f in judge(watched(recipe, data, steps=steps, seed=seed)))


def alarms(recipe: Recipe, data: Split, *, steps: int, seed: int = 0) -> tuple[str, ...]:
    """Names of the rules that warn or report an error, most probable root cause first.

    Args:
        recipe: Its own number of epochs is not used.
        data: Targets are brought into the form of the loss.
        steps: Training steps.
        seed: Of the weights and of the order of the samples.
    """
    findings = judge(watched(recipe, data, steps=steps, seed=seed))
    return tuple(f.rule for f in findings if f.severity is not Severity.NOTE)
