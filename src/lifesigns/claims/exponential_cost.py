"""Computing an exponential is slow: the cost of activations on this machine."""

import statistics
import time
from collections.abc import Callable

import torch

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import above, reported
from lifesigns.report.figures import intervals

NAMES = ("relu", "leaky_relu", "hardtanh", "sigmoid", "tanh", "elu", "silu", "gelu", "softplus")
SIZE = (256, 1024)


def experiment(effort: Effort) -> Result:
    """Forward and backward of each activation, and of the layer it stands in, in CPU time."""
    rounds = effort.of(60, 15)
    x = torch.randn(SIZE, generator=torch.Generator().manual_seed(0), requires_grad=True)
    functions: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        name: getattr(torch.nn.functional, name) for name in NAMES
    }
    weight = torch.randn(SIZE[1], SIZE[1])
    functions["(a linear layer of 1024)"] = lambda value: value @ weight
    times: dict[str, list[float]] = {name: [] for name in functions}
    names = list(functions)
    for turn in range(rounds):  # in turn, so that a busy moment hits all alike
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            function = functions[name]
            start = time.process_time()
            torch.autograd.grad(function(x).sum(), x)
            times[name].append(time.process_time() - start)
    cost = {name: statistics.median(values) for name, values in times.items()}
    base = cost["relu"]
    rows = [
        {
            "function": name,
            "cost (ReLU = 1)": cost[name] / base,
            "low": statistics.quantiles(values, n=4)[0] / base,
            "high": statistics.quantiles(values, n=4)[2] / base,
        }
        for name, values in times.items()
        if name in NAMES
    ]
    layer = cost["(a linear layer of 1024)"]
    return Result(
        (
            above("sigmoid over ReLU", cost["sigmoid"] / base, 1),
            above("tanh over ReLU", cost["tanh"] / base, 1),
            above("softplus over ReLU", cost["softplus"] / base, 1),
            reported("linear layer of 1024 over sigmoid", [layer / cost["sigmoid"]] * 2),
        ),
        f"On this machine a sigmoid costs {cost['sigmoid'] / base:.2f} and tanh "
        f"{cost['tanh'] / base:.2f} times as much as ReLU. Next to the linear layer before it, "
        f"which takes {layer / cost['sigmoid']:.0f} times as long as the sigmoid, that hardly "
        "counts.",
        intervals(
            rows,
            "cost (ReLU = 1)",
            "low",
            "high",
            label="function",
            title="Cost of activations, forward and backward",
            subtitle=f"median and quartiles of {rounds} rounds, {SIZE[0]} x {SIZE[1]} values",
        ),
    )


CLAIM = Claim(
    name="exponential-cost",
    sentences=("exponential-slow",),
    text="Computing exp() is slow.",
    source="textbook",
    published="no numbers given",
    kind=Kind.STATISTICAL,
    experiment=experiment,
)
