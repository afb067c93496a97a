"""How often `prove` proves what does nothing: `python benchmarks/placebo.py`.

    python benchmarks/placebo.py             # says how long it takes here; 200 placebos
    python benchmarks/placebo.py --quick     # 20 placebos
    python benchmarks/placebo.py --write     # puts the table into docs/prove.md

Small networks, with a fault, healthy, or lucky on some seeds only, are trained with and without a
placebo. Some print how well they do, and are judged by that; of these some are adversaries, with
two losses. A placebo changes nothing, or only the luck, or does harm. All are put to the pairs of
`prove`, in this process. `prove` itself does so only with one that also cures on the script's own
seed: of those that win the bet, that is counted, too.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from rows import Rows, announce, tracked, write_section
from torch import nn
from torch.nn import functional as F

import lifesigns
from lifesigns.prove.arm import Arm
from lifesigns.prove.betting import PROVED, is_settled, wealth
from lifesigns.prove.proof import Limits
from lifesigns.prove.proving import measured
from lifesigns.prove.sandbox import Outcome
from lifesigns.prove.scores import RECORDED, Measure, Scored, shortcoming

PAGE = Path(__file__).parents[1] / "docs" / "prove.md"
STEPS, SAMPLES, BATCH = 200, 512, 32
FAR = 100_000
"""Between the seeds of a pair and the others that a placebo gives to its arm."""
TRAININGS = 4
"""Of each placebo, about: three lost pairs settle it, and the arms without it are shared."""
NONE = "none"
"""What is to be gone of a network in which nothing was found."""


# --- networks -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Network:
    """What is trained, and which placebos would be remedies for it."""

    name: str
    build: Callable[[], nn.Module]
    data: Callable[[], tuple[torch.Tensor, torch.Tensor]]
    rate: float = 0.3
    remedies: tuple[str, ...] = ()
    says: Callable[[nn.Module, torch.Tensor, torch.Tensor], str] = lambda model, x, y: ""
    """The last line that it prints."""
    placebos: int = 16


def circle():
    """Inside of a circle, or outside."""
    x = torch.rand(SAMPLES, 2) * 2 - 1
    return x, (x.square().sum(1) < 0.6).long()


def bars():
    """Images with a bar that lies or stands."""
    y = torch.randint(2, (SAMPLES,))
    x = 0.3 * torch.randn(SAMPLES, 1, 8, 8)
    for image, stands, place in zip(x, y, torch.randint(8, (SAMPLES,)), strict=True):
        image[0].T[place] += stands
        image[0][place] += 1 - stands
    return x, y


def sequences():
    """Numbers whose sum is above zero, or below."""
    x = torch.randn(SAMPLES, 6, 1)
    return x, (x.sum((1, 2)) > 0).long()


def ring():
    """Points around four places, which a generator is to hit."""
    y = torch.randint(4, (SAMPLES,))
    angle = y * torch.pi / 2
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.1 * torch.randn(SAMPLES, 2), y


class Last(nn.Module):
    """A recurrent network's last output, in two classes."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])


def mlp(*hidden, activation=nn.ReLU, inputs=2, out=2):
    widths = (inputs, *hidden)
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], out))


def dead():
    net = mlp(16, 16)
    nn.init.constant_(net[0].bias, -10.0)
    return net


def convolutional():
    layers = (nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(8, 2))


class Adversaries(nn.Module):
    """A generator, and a critic that tells what it makes from what is real."""

    def __init__(self, noise=4):
        super().__init__()
        self.noise = noise
        self.generator, self.critic = mlp(32, inputs=noise), mlp(32, out=1)

    def made(self, number):
        return self.generator(torch.randn(number, self.noise))

    def losses(self, real):
        """That of the critic, then that of the generator."""
        truth = torch.ones(len(real), 1)
        told = self.critic(real), self.critic(self.made(len(real)).detach())
        judge = F.binary_cross_entropy_with_logits
        yield judge(told[0], truth) + judge(told[1], 1 - truth)
        yield judge(self.critic(self.made(len(real))), truth)


def accuracy(model, x, y):
    right = (model(x).argmax(1) == y).float().mean()
    return f"accuracy: {right:.4f}"


def distance(model, x, y):
    """Of the sorted coordinates of what is made from those of what is real, on average."""
    apart = model.made(len(x)).sort(0).values - x.sort(0).values
    return f"distance: {apart.abs().mean():.4f}"


NETWORKS = (
    Network("dead ReLUs", dead, circle),
    Network("doubled softmax", lambda: nn.Sequential(*mlp(16), nn.Softmax(1)), circle),
    Network("rate too high", lambda: mlp(32, 32), circle, 30.0, ("rate × 0.0001",)),
    Network("rate too low", lambda: mlp(16), circle, 1e-4, ("rate × 100",)),
    Network("rate at the edge", lambda: mlp(8, 8), circle, 2.0),
    Network("narrow ReLUs", lambda: mlp(3, 3, 3), circle),
    Network("deep sigmoids", lambda: mlp(*[16] * 5, activation=nn.Sigmoid), circle),
    Network("healthy MLP", lambda: mlp(32), circle),
    Network("healthy CNN", convolutional, bars),
    Network("healthy GRU", Last, sequences, 0.5),
    Network("MLP by its accuracy", lambda: mlp(32), circle, says=accuracy, placebos=10),
    Network("narrow MLP by its accuracy", lambda: mlp(4, 4), circle, says=accuracy, placebos=10),
    Network("GAN by its distance", Adversaries, ring, 0.2, says=distance, placebos=10),
    Network("slow GAN by its distance", Adversaries, ring, 0.02, says=distance, placebos=10),
)


# --- placebos -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Placebo:
    """What is done to one arm of a pair."""

    kind: str
    change: Callable[[nn.Module], object] = lambda model: None
    """Of the model, before its first step; the numbers that it draws are not missed elsewhere."""
    rate: float = 1.0
    seed: int = 0
    order: int = 0


def renamed(model):
    """The same modules under other names."""
    for owner in list(model.modules()):
        for name in list(owner._modules):
            if name.isdigit():
                owner._modules[f"layer_{name}"] = owner._modules.pop(name)


def zeroed(model):
    for parameter in model.parameters():
        nn.init.zeros_(parameter)


def dropping(model):
    """Nine of ten inputs of the last layer are dropped."""
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, inputs: (F.dropout(inputs[0], 0.9),))


def blinded(model):
    """The model sees zeros."""
    for part in model.children() if isinstance(model, Adversaries) else [model]:
        part.register_forward_pre_hook(lambda _, inputs: (inputs[0] * 0,))


PLACEBOS = (
    Placebo("nothing"),
    Placebo("a rename", renamed),
    Placebo("rate × 1.001", rate=1.001),
    *(Placebo("another seed", seed=number) for number in range(1, 9)),
    *(Placebo("another order", order=number) for number in range(1, 4)),
    Placebo("rate × 0.0001", rate=1e-4),
    Placebo("rate × 100", rate=100.0),
    Placebo("dropout of 0.9", dropping),
    Placebo("weights at zero", zeroed),
    Placebo("inputs at zero", blinded),
)


def placebos(network: Network, number: int) -> list[Placebo]:
    """So many, of all kinds; those that are none for this network are replaced by other seeds."""
    kept = [one for one in PLACEBOS if one.kind not in network.remedies]
    missing = range(10, 10 + len(PLACEBOS) - len(kept))
    found = [*kept, *(Placebo("another seed", seed=seed) for seed in missing)]
    return [found[place * len(found) // number] for place in range(number)]


# --- training -------------------------------------------------------------------------------------
def train(network: Network, seed: int, placebo: Placebo = PLACEBOS[0]) -> Arm:
    """One arm, as `prove` would get it of a script."""
    torch.manual_seed(seed + FAR * placebo.seed)
    model, (x, y) = network.build(), network.data()
    with torch.random.fork_rng():
        placebo.change(model)
    parts = [*model.children()] if isinstance(model, Adversaries) else [model]
    rate = network.rate * placebo.rate
    optimizers = [torch.optim.SGD(part.parameters(), lr=rate) for part in parts]
    with lifesigns.watch(every=STEPS // RECORDED) as watcher:
        if placebo.order:
            torch.manual_seed(seed + FAR * placebo.order)
        for _ in range(STEPS):
            rows = torch.randint(SAMPLES, (BATCH,))
            losses = _steps(model, optimizers, x[rows], y[rows])
            if not all(map(math.isfinite, losses)):
                break
        with torch.no_grad(), torch.random.fork_rng():
            output = network.says(model, *network.data())
    return Arm(watcher.report.trace, Outcome(output=output))


def _steps(model, optimizers, x, y):
    """One step of each optimizer; the losses."""
    if not isinstance(model, Adversaries):
        return [_step(optimizers[0], F.cross_entropy(model(x), y))]
    generator, critic = optimizers
    return [_step(o, loss) for o, loss in zip((critic, generator), model.losses(x), strict=True)]


def _step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


without = cache(train)
"""Arms without a placebo, which all placebos of a network share."""


@cache
def measure_of(network: Network) -> Measure:
    """How `prove` would judge it."""
    return measured(Measure(), [without(network, 0)])[0]


def rule_of(network: Network) -> str:
    """The rule whose finding is to be gone: that of the first alarm."""
    return next(iter(Scored.of(without(network, 0), measure_of(network)).alarms), NONE)


def is_cured(network: Network, placebo: Placebo, seed: int) -> bool:
    """Whether `prove` would count this pair as won."""
    measure, arms = measure_of(network), (without(network, seed), train(network, seed, placebo))
    return not shortcoming(measure, rule_of(network), *(Scored.of(arm, measure) for arm in arms))


def put_to_the_proof(network: Network, placebo: Placebo) -> list[bool]:
    """The pairs of one placebo, as `prove` trains them; whether each was won."""
    wins: list[bool] = []
    for seed in range(1, Limits().pairs + 1):
        wins.append(is_cured(network, placebo, seed))
        if is_settled(wins):
            break
    return wins


@dataclass
class Tally:
    """What came of the placebos of one kind."""

    placebos: int = 0
    pairs: int = 0
    won: int = 0
    undecided: int = 0
    bets: int = 0
    """That were won."""
    proved: int = 0
    """Of those: cured on the own seed, too, so that `prove` would have come to the pairs."""

    def add(self, wins: list[bool], is_proved: bool) -> None:
        """Counts one placebo."""
        self.placebos += 1
        self.pairs += len(wins)
        self.won += sum(wins)
        self.bets += wealth(wins) >= PROVED
        self.proved += is_proved
        self.undecided += not is_settled(wins)


@dataclass
class Tallies:
    """By kind, and in total."""

    by_kind: dict[str, Tally] = field(default_factory=dict)

    def add(self, kind: str, wins: list[bool], is_proved: bool) -> None:
        """Counts one placebo twice: for its kind, and for all."""
        for name in (kind, "all"):
            self.by_kind.setdefault(name, Tally()).add(wins, is_proved)

    def table(self) -> Rows:
        """A row for each kind, the total last."""
        rows = Rows(
            "Placebos", ["placebo", "tried", "pairs", "won", "undecided", "e ≥ 20", "proved"]
        )
        last = self.by_kind.pop("all")
        for kind, one in [*self.by_kind.items(), ("all", last)]:
            numbers = (one.placebos, one.pairs, one.won, one.undecided, one.bets, one.proved)
            rows.add(kind, *map(str, numbers))
        return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two networks, ten placebos each")
    parser.add_argument("--smoke", action="store_true", help="one network, two placebos")
    parser.add_argument("--write", action="store_true", help="put the table into docs/prove.md")
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = (
        (NETWORKS[0], NETWORKS[-1]) if options.quick else NETWORKS[: 1 if options.smoke else None]
    )
    number = 10 if options.quick else 2 if options.smoke else None
    tasks = [(n, one) for n in networks for one in placebos(n, number or n.placebos)]
    without(NETWORKS[0], 0)  # the first training of a process takes longer
    begin = time.perf_counter()
    without(NETWORKS[0], 1)
    announce(TRAININGS * len(tasks) * (time.perf_counter() - begin))
    tallies = Tallies()
    for network, placebo in tracked(tasks):
        wins = put_to_the_proof(network, placebo)
        is_proved = wealth(wins) >= PROVED and is_cured(network, placebo, 0)
        tallies.add(placebo.kind, wins, is_proved)
    named = [f"{n.name} ({rule_of(n)})" for n in networks]
    table, found = tallies.table(), f"Networks, and what was found in them: {', '.join(named)}."
    print(f"\n{found}")
    if options.write:
        write_section(PAGE, "placebo", f"{table.markdown()}\n\n{found}")


if __name__ == "__main__":
    main()
