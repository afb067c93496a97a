"""A state that is detached in each step of a recurrence is told from one that keeps its graph."""

from collections.abc import Callable

import pytest
import torch
from oracles.recorded import snapshot
from torch import Tensor, nn

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
