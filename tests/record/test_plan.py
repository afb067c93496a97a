"""What is kept from step to step changes nothing: with and without it, the same bytes are stored.

What is kept: the sites of a graph, and what is to be read of them (`Structures`); what the compiled
program is told of the parameters (`ByProgram`'s tables).
"""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lifesigns.record import Recorder
from lifesigns.record.graph.known_graphs import Structures
from lifesigns.record.measure.by_program import ByProgram, numbers_for
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.parameters import ParameterReader
from lifesigns.record.measure.reduce import BLOCK
from lifesigns.records import to_json
from lifesigns.store.packing import pack

torch.set_num_threads(1)
WIDTH, STEPS = 6, 6
LAYERS = {
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "leaky relu": nn.LeakyReLU,
    "softmax": lambda: nn.Softmax(-1),
    "prelu": nn.PReLU,
    "layer norm": lambda: nn.LayerNorm(WIDTH),
    "batch norm": lambda: nn.BatchNorm1d(WIDTH),
    "dropout": nn.Dropout,
    "without bias": lambda: nn.Linear(WIDTH, WIDTH, bias=False),
}
LOSSES = {
    "cross entropy": lambda p, y: F.cross_entropy(p, y),
    "scaled": lambda p, y: F.cross_entropy(p, y, reduction="sum") / 4,
    "some ignored": lambda p, y: F.cross_entropy(p, y.masked_fill(y == 1, -100)),
    "squared": lambda p, y: F.mse_loss(p, F.one_hot(y, WIDTH).to(p.dtype)),
    "by hand": lambda p, y: (p - F.one_hot(y, WIDTH).to(p.dtype)).pow(2).mean(),
    "with penalty": lambda p, y: F.cross_entropy(p, y) + 0.1 * p.square().mean(),
}


@dataclass(frozen=True)
class Case:
    """A network, and what is changed of it, or of how it is trained, at every third step."""

    layers: tuple[str, ...]
    loss: str
    dtype: torch.dtype
    change: str

    def network(self):
        layers = [nn.Linear(WIDTH, WIDTH)]
        for name in self.layers:
            layers += [LAYERS[name](), nn.Linear(WIDTH, WIDTH)]
        return nn.Sequential(*layers).to(self.dtype)


def nothing(model, step):
    return 12


def other_shape(model, step):
    return 5


def frozen(model, step):
    model[0].requires_grad_(step == 1)
    return 12


def swapped(model, step):
    model[0], model[-1] = model[-1], model[0]
    return 12


def other_module(model, step):
    model[1] = nn.Sigmoid()
    return 12


def evaluated(model, step):
    model.train(not model.training)
    return 12


def other_memory(model, step):
    """The weights move, and lie in columns."""
    for p in model.parameters():
        p.data = p.data.t().contiguous().t() if p.dim() > 1 else p.data.clone()
    return 12


def other_values(model, step):
    """Gradients overflow."""
    model[-1].weight.data.mul_(1e30)
    return 12


CHANGES = {
    change.__name__: change
    for change in (
        *(nothing, other_shape, frozen, swapped, other_module, evaluated),
        *(other_memory, other_values),
    )
}


def train(case, recorder, model, optimizer):
    for step in range(STEPS):
        samples = CHANGES[case.change](model, step) if step % 3 == 1 else 12
        x, y = torch.randn(samples, WIDTH).to(case.dtype), torch.randint(WIDTH, (samples,))
        optimizer.zero_grad(set_to_none=step % 2 == 0)
        passes = 2 if case.loss == "scaled" and step == 4 else 1
        for _ in range(passes):
            LOSSES[case.loss](model(x), y).backward()
        optimizer.step()


def stored(case, *, keeps):
    """All snapshots of a training as they are stored, with their graphs."""
    torch.manual_seed(0)
    model = case.network()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    recorder = Recorder(model, [optimizer], every=1, strict=True)
    recorder._parts.reader._structures = Structures(keeps=keeps)
    recorder._parts.reader._numbers = numbers_for(keeps=keeps)
    recorder.start()
    try:
        train(case, recorder, model, optimizer)
    finally:
        recorder.stop()
    return [(*pack(one), to_json(one.graph)) for one in recorder.trace().snapshots]


CASES = st.builds(
    Case,
    layers=st.lists(st.sampled_from(sorted(LAYERS)), min_size=1, max_size=4).map(tuple),
    loss=st.sampled_from(sorted(LOSSES)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    change=st.sampled_from(sorted(CHANGES)),
)


@pytest.mark.filterwarnings("ignore:grad and param do not obey")
@given(CASES)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_training_is_stored_alike_with_and_without_what_is_kept(case):
    kept, fresh = stored(case, keeps=True), stored(case, keeps=False)

    assert len(kept) >= STEPS
    assert kept == fresh


def test_what_the_program_is_told_of_parameters_is_kept_until_they_lie_otherwise():
    numbers = numbers_for()
    if not isinstance(numbers, ByProgram):
        pytest.skip("there is no C compiler")
    weight = nn.Parameter(torch.randn(4, 3))

    def table():
        with measuring():
            ParameterReader({"weight": weight}, ["weight"], lambda: True, numbers=numbers)
        return numbers._tables[0]

    first, again = table(), table()
    weight.data = weight.data.clone()
    moved = table()
    weight.data = weight.data.t().contiguous().t()
    turned = table()

    assert first is again is moved
    assert turned is not moved


def test_what_the_program_is_told_is_kept_where_the_first_room_was_too_small():
    numbers = numbers_for()
    if not isinstance(numbers, ByProgram):
        pytest.skip("there is no C compiler")
    weights = {str(i): nn.Parameter(torch.randn(BLOCK // 6, 1)) for i in range(4)}

    def tables():
        with measuring():
            reader = ParameterReader(weights, weights, lambda: True, numbers=numbers)
            for weight in weights.values():
                weight.grad = torch.ones_like(weight)
            reader.gradients(1.0)
            reader.finish({}, True)
        return list(numbers._tables.values())

    tables()
    second, third = tables(), tables()

    assert len(second) == 3
    assert all(one is other for one, other in zip(second, third, strict=True))
