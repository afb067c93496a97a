"""`lifesigns.lab.compare`: the lab from Python, for designs and for one's own torch modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lifesigns.lab.design.design import Design
from lifesigns.lab.design.user_modules import Factory, OwnModels
from lifesigns.lab.results.folder import make_folder, write_outcome
from lifesigns.lab.results.ranking import Ranking, rank
from lifesigns.lab.run import Outcome, run
from lifesigns.nets.data import Split, load
from lifesigns.nets.recipe import LossFunction


def compare(
    design: Design | None = None,
    *,
    model_factory: Factory | Mapping[str, Factory] | None = None,
    data: Split | str | Path = "digits",
    loss: str | LossFunction = "cross_entropy",
    rates: Sequence[float] = (0.001, 0.01, 0.1, 1.0),
    seeds: int = 8,
    steps: int = 500,
    batch_size: int = 32,
    optimizer: str = "sgd",
    out: str | Path | None = None,
) -> Ranking:
    """Tunes the learning rate of each cell, then compares the cells with fresh seeds.

    Give a design, or functions that make modules; what follows `model_factory` is for those. They
    need not be picklable: all is trained in this process, batched by `torch.func` where that can
    be, else one by one. A factory draws its weights from torch's global random numbers.

    Args:
        design: A factorial design of the lab's own networks.
        model_factory: Makes one model, or several by name.
        data: A split, or what `nets.data.load` reads.
        loss: A key of `nets.recipe.LOSSES`, or a function of output and target.
        rates: Learning rates to choose from.
        seeds: Networks trained for each cell, beside those that tune the rate.
        steps: Training steps of each network.
        batch_size: Samples in a step.
        optimizer: A key of `nets.optimizers.OPTIMIZERS`.
        out: Folder for the page (`report.html`) and the tables (CSV).

    Raises:
        UsageError: The data, a name, a number or the folder cannot be used; the message says which.

    Example:
        >>> from torch import nn
        >>> ranking = compare(
        ...     model_factory={"line": lambda: nn.Linear(4, 3)}, data="iris", steps=20, seeds=2)
        >>> ranking.places[0].label
        'line'
    """
    folder = None if out is None else Path(out)
    if folder is not None:
        make_folder(folder)
    if design is not None:
        return _ranked(run(design), folder)
    named = model_factory if isinstance(model_factory, Mapping) else {"model": model_factory}
    factories = {name: factory for name, factory in named.items() if factory is not None}
    split = data if isinstance(data, Split) else load(data)
    own = OwnModels(factories, split, loss, tuple(rates), seeds, steps, batch_size, optimizer)
    return _ranked(run(own), folder)


def _ranked(outcome: Outcome, folder: Path | None) -> Ranking:
    ranking = rank(outcome)
    if folder is not None:
        write_outcome(outcome, ranking, folder)
    return ranking
