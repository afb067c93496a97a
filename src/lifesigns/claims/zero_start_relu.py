"""With ReLU zero weights make every hidden output and every weight gradient exactly 0."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lifesigns.claims._claim import Claim, Effort, Kind, Result
from lifesigns.claims._measured import below, near, stated
from lifesigns.nets import MLP
from lifesigns.nets.data import Split, load
from lifesigns.report.figures import lines

RATE = 0.1


def experiment(effort: Effort) -> Result:
    """A perceptron, a convolutional and a recurrent network from zero, on digits."""
    digits, steps = load("digits"), effort.of(400, 100)
    networks: dict[str, Callable[[], nn.Module]] = {
        "MLP": MLP(64, (32, 32), 10).build,
        "CNN": _convolutional,
        "RNN": _recurrent,
    }
    moved, accuracies, biases = {}, {}, {}
    for name, build in networks.items():
        moved[name], biases[name], accuracies[name] = _train_from_zero(build(), digits, steps)
    chance = float(torch.bincount(digits.targets).max() / len(digits.targets))
    frequencies = torch.bincount(digits.targets).double() / len(digits.targets)
    learnt = biases["MLP"].double().softmax(0)
    rows = [
        {"class": c, "probability": float(p), "of": name}
        for name, values in (("the output biases", learnt), ("the training labels", frequencies))
        for c, p in enumerate(values)
    ]
    return Result(
        (
            *(
                near(f"largest weight of the {name} after training", m, 0, 0)
                for name, m in moved.items()
            ),
            *(below(f"accuracy of the {name}", a, 0.13) for name, a in accuracies.items()),
            below(
                "class frequencies in the output bias, largest error",
                float((learnt - frequencies).abs().max()),
                0.02,
            ),
            stated("share of the most frequent class", chance),
        ),
        f"After {steps} steps every weight of all three networks is still exactly 0, and accuracy "
        f"is {accuracies['MLP']:.3f}, chance. Only the output bias gets a gradient: it learns how "
        f"frequent the classes are (the most frequent one: {chance:.3f}), which is all a constant "
        "can say.",
        lines(
            rows,
            "class",
            "probability",
            by="of",
            from_zero=True,
            points=True,
            title="What a zero-started ReLU network learns",
            subtitle="softmax of its output biases, beside how frequent the classes are",
        ),
    )


def _train_from_zero(model: nn.Module, digits: Split, steps: int) -> tuple[float, Tensor, float]:
    """Largest weight, output bias and held-out accuracy after training from zero."""
    parameters = list(model.parameters())
    for parameter in parameters:
        nn.init.zeros_(parameter)
    sgd = torch.optim.SGD(parameters, RATE)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(digits.inputs), (64,), generator=order)
        loss = nn.functional.cross_entropy(model(digits.inputs[rows]), digits.targets[rows])
        sgd.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        sgd.step()
    with torch.no_grad():
        right = (model(digits.test_inputs).argmax(1) == digits.test_targets).double().mean()
        weights = max(float(p.abs().max()) for p in parameters if p.dim() > 1)
    return weights, parameters[-1].detach(), float(right)


def _convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(72, 10),
    )


def _recurrent() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (8, 8)), _LastState(), nn.Linear(16, 10))


class _LastState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(8, 16, nonlinearity="relu", batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x)
        last: Tensor = states[:, -1]
        return last


CLAIM = Claim(
    name="zero-start-relu",
    sentences=("zero-relu",),
    text="With ReLU and zero weights all outputs and gradients are 0 and learning fails, in CNNs "
    "and RNNs as well.",
    source="textbook",
    published="accuracy .103, chance",
    kind=Kind.EXACT,
    experiment=experiment,
    correction="Not every gradient is 0: the output bias gets one, and learns the frequencies of "
    "the classes.",
)
