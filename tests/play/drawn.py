"""Settings of all kinds, drawn by a seed."""

import random

from lifesigns.functions import INITIALISERS
from lifesigns.play.samples import CURVES, PLANES
from lifesigns.play.table import elementwise

ACTIVATIONS = [*(entry.name for entry in elementwise()), "maxout"]
STARTS = [name for name in INITIALISERS if name not in ("lsuv", "identity_recurrent")]
LOSSES = ["squared-error", "cross-entropy", "hinge", "huber"]
OPTIMIZERS = {"sgd": (0.001, 0.1), "momentum": (0.001, 0.03), "adam": (0.0003, 0.02)}


def setting(number, *, wild=False):
    """The setting of this number: each activation, start and so on has its turn.

    A wild one may have any rate, gain and bias, so that it breaks; the others are such that
    rounding errors of two programs stay small.
    """
    draw = random.Random(number)
    loss = LOSSES[number % len(LOSSES)]
    curves = loss in ("squared-error", "huber") and draw.random() < 0.4
    optimizer = draw.choice(list(OPTIMIZERS))
    low, high = OPTIMIZERS[optimizer]
    output = draw.choice(["linear", "sigmoid"] if curves else ["linear", "sigmoid", "softmax"])
    return {
        "version": 1,
        "data": {
            "name": draw.choice(list(CURVES if curves else PLANES)),
            "samples": draw.randint(20, 80),
            "noise": round(draw.uniform(0, 0.3), 3),
            "standardise": draw.random() < 0.7,
            "seed": draw.randrange(2**32),
        },
        "network": {"hidden": _hidden(draw, number, wild), "output": output},
        "initialiser": {
            "name": STARTS[number % len(STARTS)],
            "gain": 10 ** draw.uniform(-2, 2) if wild else round(draw.uniform(0.5, 1.5), 3),
            "bias": draw.choice([0, 0, draw.uniform(-30, 30) if wild else 0.1]),
        },
        "loss": loss,
        "optimizer": {
            "name": optimizer,
            "rate": 10 ** (draw.uniform(-4, 5) if wild else 0) * draw.uniform(low, high),
            "momentum": draw.choice([0, 0.5, 0.9]),
            "decay": draw.choice([0, 0, 0.001]),
            "clip": draw.choice([0, 0, 0.5]),
            "schedule": draw.choice(["constant", "cosine", "step", "warm-up"]),
        },
        "batch": draw.choice([1, 5, 16, 32, 100]),
        "seed": draw.randrange(2**32),
        "steps": 200,
    }


def _hidden(draw, number, wild):
    layers = []
    for i in range(draw.choice([0, 1, 1, 2, 2, 3, 8 if wild else 4])):
        name = ACTIVATIONS[number % len(ACTIVATIONS)] if i == 0 else draw.choice(ACTIVATIONS)
        layer = {"units": draw.randint(1, 64 if wild and draw.random() < 0.2 else 10)}
        layer["activation"] = name
        if name == "maxout":
            layer["pieces"] = draw.randint(2, 4)
        if name in ("leaky_relu", "prelu") and draw.random() < 0.5:
            layer["slope"] = round(draw.uniform(-0.2, 0.5), 3)
        layers.append(layer)
    return layers
