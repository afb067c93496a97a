"""A state that is detached in each step of a recurrence is told from one that keeps its graph."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from oracles.recorded import record, snapshot
from torch import Tensor, nn

from lifesigns.record.graph.same_memory import places_of

torch.set_num_threads(1)
STEPS = 6


class Loop(nn.Module):
    """A cell, a head, and what is done with the state before each step."""

    def __init__(self, cell: nn.Module, between: Callable[[int, Tensor], Tensor]) -> None:
        super().__init__()
        self.cell, self.head, self.between = cell, nn.Linear(4, 1), between

    def forward(self, x: Tensor) -> Tensor:
        state, out = torch.zeros(len(x), 4), []
        for number, now in enumerate(x.unbind(1)):
            state = self.cell(now, self.between(number, state))
            out.append(self.head(state))
        return torch.cat(out, 1)


class Plain(nn.Module):
    """A recurrence by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.given, self.state = nn.Linear(3, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.given(x) + self.state(state))


def cuts(model: nn.Module) -> list[str]:
    """The weights that read a state without its graph, once for each call."""
    x = torch.randn(5, STEPS, 3)
    sites = snapshot(lambda: model(x).square().mean().backward(), model).graph.sites
    return [site.parameters[0] for site in sites if "cut_state" in site.details]


def detached(number: int, state: Tensor) -> Tensor:
    return state.detach()


@pytest.mark.parametrize("cell", [nn.GRUCell(3, 4), nn.RNNCell(3, 4), Plain()])
def test_a_state_that_is_detached_in_each_step_is_seen_from_the_second_step_on(cell):
    found = cuts(Loop(cell, detached))

    assert len(found) == STEPS - 1
    assert len(set(found)) == 1


@pytest.mark.parametrize("cell", [nn.GRUCell(3, 4), nn.RNNCell(3, 4), Plain()])
def test_a_state_with_its_graph_is_not_cut(cell):
    assert cuts(Loop(cell, lambda number, state: state)) == []


def test_a_state_that_is_detached_once_in_a_while_is_not_cut_in_each_step():
    found = cuts(Loop(nn.GRUCell(3, 4), lambda n, state: state.detach() if n % 3 == 0 else state))

    assert len(found) < STEPS - 1


def test_a_layer_that_is_called_for_each_step_has_no_state():
    class Apart(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.Linear(3, 4), nn.Linear(4, 1)

        def forward(self, x):
            return torch.cat([self.head(self.layer(now).tanh()) for now in x.unbind(1)], 1)

    assert cuts(Apart()) == []


# --- a loss of the last step alone ----------------------------------------------------------------
class AtTheEnd(Loop):
    """The state is read once, behind the loop."""

    def forward(self, x: Tensor) -> Tensor:
        state = self.start(x)
        for number, now in enumerate(x.unbind(1)):
            state = self.step(now, state if number == 0 else self.between(number, state))
        return self.head(state[0] if isinstance(state, tuple) else state)

    def start(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        zeros = torch.zeros(len(x), 4)
        return (zeros, zeros) if isinstance(self.cell, nn.LSTMCell) else zeros

    def step(self, now: Tensor, state: Tensor) -> Tensor:
        return self.cell(now, state)


class Unrolled(AtTheEnd):
    """It goes on from nothing but its own result."""

    def step(self, now: Tensor, state: Tensor) -> Tensor:
        return self.cell(state, state)


class Settling(AtTheEnd):
    """It reads one input again and again."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :1].expand(-1, STEPS, -1))


def cut_calls(model: nn.Module) -> set[float]:
    x = torch.randn(5, STEPS, 3)
    taken = snapshot(lambda: model(x).square().mean().backward(), model)
    return {site.details.get("calls_cut_off", 0.0) for site in taken.graph.sites} - {0.0}


def each_detached(number: int, state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


@pytest.mark.parametrize("cell", [nn.GRUCell(3, 4), nn.LSTMCell(3, 4), Plain()])
def test_calls_that_no_gradient_reaches_are_counted(cell):
    assert cut_calls(AtTheEnd(cell, each_detached)) == {STEPS - 1}


class ByHand(nn.Module):
    """A cell that is no module: two layers that are called in turn within a loop."""

    def __init__(self, between: Callable[[int, Tensor], Tensor] = each_detached) -> None:
        super().__init__()
        self.given, self.state, self.head = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 4)
        for number, now in enumerate(self.steps(x)):
            state = torch.tanh(self.given(now) + self.state(self.between(number, state)))
        return self.head(state)

    def steps(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.unbind(1)


class Refining(ByHand):
    """It improves what it has by one input."""

    def steps(self, x: Tensor) -> tuple[Tensor, ...]:
        return (x[:, 0],) * STEPS


class Sampling(ByHand):
    """Each step is given what was drawn for it."""

    def steps(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.randn_like(now) for now in x.unbind(1))


class Forced(ByHand):
    """It reads the targets of the steps before in place of a state."""

    def forward(self, x: Tensor) -> Tensor:
        before = iter(torch.randn(STEPS, len(x), 4))
        self.between = lambda number, state: next(before)
        return super().forward(x)


class Joined(nn.Module):
    """A recurrence by hand whose one layer reads input and state side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(3 + 4, 4)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.both(torch.cat([x, state], 1)))


class JoinedByHand(ByHand):
    """The same within a loop."""

    def __init__(self, between: Callable[[int, Tensor], Tensor] = each_detached) -> None:
        super().__init__(between)
        self.both, self.embed = nn.Linear(3 + 4, 4), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 4)
        for number, now in enumerate(self.steps(x)):
            parts = [self.first(now), self.between(number, state)]
            state = torch.tanh(self.both(torch.cat(parts, 1)))
        return self.head(state)

    def first(self, now: Tensor) -> Tensor:
        return now


class Embedded(JoinedByHand):
    """The same of what another layer makes of the input."""

    def first(self, now: Tensor) -> Tensor:
        return self.embed(now)


class Backwards(JoinedByHand):
    """Its last step does not read the last element."""

    def steps(self, x: Tensor) -> tuple[Tensor, ...]:
        return x[:, 1:-1].unbind(1)


@pytest.mark.parametrize(
    "model", [ByHand(), JoinedByHand(), Embedded(), AtTheEnd(Joined(), each_detached)]
)
def test_calls_of_layers_that_a_loop_calls_in_turn_are_counted(model):
    assert cut_calls(model) == {STEPS - 1}


@pytest.mark.parametrize(
    "model",
    [
        ByHand(lambda number, state: state),
        ByHand(lambda number, state: state.detach() if number == 3 else state),
        Refining(),
        Sampling(),
        Forced(),
        JoinedByHand(lambda number, state: state),
        Embedded(lambda number, state: state),
        Backwards(),
    ],
    ids=[
        *("with its graph", "two pieces", "one input", "drawn inputs", "targets"),
        *("joined, with its graph", "embedded, with its graph", "not known to walk"),
    ],
)
def test_layers_that_are_called_in_turn_need_not_read_a_state(model):
    assert cut_calls(model) == set()


@pytest.mark.parametrize(
    "model",
    [
        AtTheEnd(nn.GRUCell(3, 4), lambda number, state: state),
        AtTheEnd(nn.GRUCell(3, 4), lambda n, state: state.detach() if n == 3 else state),
        AtTheEnd(nn.GRUCell(3, 4), lambda number, state: torch.zeros(5, 4)),
        Unrolled(nn.GRUCell(4, 4), each_detached),
        Settling(nn.GRUCell(3, 4), each_detached),
    ],
    ids=["with its graph", "two pieces", "no state", "its own result", "one input"],
)
def test_calls_that_a_gradient_reaches_or_need_not_reach_are_not_counted(model):
    assert cut_calls(model) == set()


def test_steps_with_a_backward_pass_each_are_not_counted():
    cell, head = nn.GRUCell(3, 4), nn.Linear(4, 1)
    model, x = nn.ModuleList([cell, head]), torch.randn(5, STEPS, 3)

    def step():
        state = torch.zeros(5, 4)
        for now in x.unbind(1):
            state = cell(now, state.detach())
            head(state).square().mean().backward()

    graphs = [taken.graph for taken in record(step, model).snapshots]

    assert not any("calls_cut_off" in site.details for graph in graphs for site in graph.sites)


def test_memory_that_is_used_again_is_another():
    def made():
        return torch.ones(8)

    known = places_of((made(), made()))

    assert len({memory for memory, _ in known}) == 2
    assert not {memory for memory, _ in known} & {memory for memory, _ in places_of(made())}
