"""The slow twin: a setting trained by torch in double precision, from Python's own numbers."""

import math

import torch
from torch import nn

from lifesigns.functions import ACTIVATIONS, modules
from lifesigns.functions.modules import Maxout
from lifesigns.nets.recipe import hinge
from lifesigns.play.generator import ORDER, Stream
from lifesigns.play.samples import samples_of
from lifesigns.play.weights import initial_weights, output_units

NAMES = {"nn": nn, **{name: getattr(modules, name) for name in modules.__all__}}
SLOPES = {"leaky_relu": 0.01, "prelu": 0.25, "rrelu": (1 / 8 + 1 / 3) / 2}


class Formula(nn.Module):
    """A function of torch's."""

    def __init__(self, forward):
        super().__init__()
        self.forward = forward


EXACT = {
    "softplus": lambda: nn.Softplus(threshold=40),  # torch's own is linear above 20
    "hardsigmoid": lambda: Formula(
        lambda x: torch.clamp(x / 6 + 0.5, 0, 1)
    ),  # torch's 1/6: float32
    "snake": lambda: Formula(lambda x: x + torch.sin(x) ** 2),  # its rate is not learned here
    "clamp": nn.Identity,
}


def joint(layer):
    name = layer["activation"]
    if name == "maxout":
        return Maxout(layer.get("pieces", 2))
    if name == "prelu":
        return nn.PReLU(init=layer.get("slope", 0.25))
    if name in SLOPES:
        return nn.LeakyReLU(layer.get("slope", SLOPES[name]))
    return EXACT[name]() if name in EXACT else eval(ACTIVATIONS[name].code, NAMES)


def network(setting, samples):
    layers, hidden = [], setting["network"]["hidden"]
    start = initial_weights(setting, samples.inputs.shape[1], samples.classes)
    for number, (weight, bias) in enumerate(start):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, *([joint(hidden[number])] if number < len(hidden) else [])]
    ends = {"linear": [], "sigmoid": [nn.Sigmoid()], "softmax": [nn.Softmax(-1)]}
    return nn.Sequential(*layers, *ends[setting["network"]["output"]])


def criterion(setting, units):
    if setting["loss"] == "cross-entropy":
        if setting["network"]["output"] == "sigmoid":
            return nn.BCELoss()
        return nn.BCEWithLogitsLoss() if units == 1 else nn.CrossEntropyLoss()
    return {"squared-error": nn.MSELoss(), "huber": nn.HuberLoss(), "hinge": hinge}[setting["loss"]]


def share(schedule, step, steps):
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * step / steps))
    if schedule == "step":
        return 0.1 ** (step * 3 // steps)
    return min(1, (step + 1) / math.ceil(0.1 * steps)) if schedule == "warm-up" else 1


def optimizer_of(setting, model):
    given = setting["optimizer"]
    if given["name"] == "adam":
        return torch.optim.Adam(model.parameters(), given["rate"], weight_decay=given["decay"])
    momentum = given["momentum"] if given["name"] == "momentum" else 0
    return torch.optim.SGD(
        model.parameters(), given["rate"], momentum=momentum, weight_decay=given["decay"]
    )


def trained(setting, steps):
    """Loss of each step, and all parameters at the end, in the page's order."""
    torch.set_default_dtype(torch.float64)
    try:
        return _trained(setting, steps)
    finally:
        torch.set_default_dtype(torch.float32)


def _trained(setting, steps):
    samples = samples_of(setting["data"])
    units = output_units(setting, samples.classes)
    inputs, rows = torch.from_numpy(samples.inputs), len(samples.inputs)
    targets = torch.from_numpy(samples.targets)[:, None]
    loss_fn = criterion(setting, units)
    if units > 1:
        targets = targets[:, 0].long()
        if not isinstance(loss_fn, nn.CrossEntropyLoss):
            targets = nn.functional.one_hot(targets, units).double()
    model = network(setting, samples)
    optimizer = optimizer_of(setting, model)
    rate, stream, losses = setting["optimizer"]["rate"], Stream(setting["seed"], ORDER), []
    epoch = math.ceil(rows / setting["batch"])
    for step in range(steps):
        if step % epoch == 0:
            order = stream.permutation(rows, step // epoch)
        batch = order[step % epoch * setting["batch"] :][: setting["batch"]]
        loss = loss_fn(model(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        if setting["optimizer"]["clip"]:
            nn.utils.clip_grad_norm_(model.parameters(), setting["optimizer"]["clip"])
        optimizer.param_groups[0]["lr"] = rate * share(
            setting["optimizer"]["schedule"], step, setting["steps"]
        )
        optimizer.step()
        losses.append(loss.item())
    return losses, torch.cat([p.detach().ravel() for p in model.parameters()]).tolist()
