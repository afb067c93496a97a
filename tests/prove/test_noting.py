"""What a glance at the running program tells of its source, and how places are decided by it."""

import os
from dataclasses import replace

import pytest

from lifesigns.prove.noted import Noted, _enough, _read
from lifesigns.prove.noting import Noting
from lifesigns.prove.treatment import PLACES
from lifesigns.records import Trace
from lifesigns.remedies import OPTIMIZER, Refusal
from lifesigns.remedies.match_shapes import MatchShapes
from lifesigns.remedies.scale_rate import ScaleRate
from lifesigns.remedies.swap_activation import SwapActivation
from lifesigns.remedies.testing import site
from lifesigns.rules.testing import chain, snapshot

TWO_STAGES = """
import torch
from torch import nn

def built(small):
    if small:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1))

def difference(first, second):
    return (first - second).square().mean() + 0 * (first - first).square().mean()

x = torch.randn(16, 4)
teacher = built(False)
optimizer = torch.optim.SGD(teacher.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    teacher(x).mean().backward()
    optimizer.step()
model = built(True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
for _ in range(9):
    optimizer.zero_grad()
    difference(model(x), x[:, 0]).backward()
    optimizer.step()
"""


def noted(folder, text, steps):
    """What a process of its own sees of a script."""
    path = folder / "train.py"
    path.write_text(text)
    child = os.fork()
    if not child:
        try:
            noting = Noting({str(path): str(path)}, steps, folder)
            noting.install()
            exec(compile(text, path, "exec"), {"__name__": "__main__"})
            noting.write()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return _read(folder / PLACES)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noted")
    return noted(folder, TWO_STAGES, 50), str(folder / "train.py")


def rewritten(edit, seen, text=TWO_STAGES):
    """The lines that an edit changes."""
    found, path = seen
    assert isinstance(edit.rewrite(text), Refusal), "the text alone leaves it open"
    result = found.rewritten(edit, path, text)
    assert isinstance(result, str), result
    return [line.strip() for line in result.splitlines() if line not in text.splitlines()]


def test_the_optimizer_that_stepped_last_is_meant(seen):
    assert (
        seen[0].places[OPTIMIZER].line == TWO_STAGES[: TWO_STAGES.index("lr=0.2")].count("\n") + 1
    )
    assert rewritten(ScaleRate(0.1), seen) == [
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.2 * 0.1)"
    ]


def test_the_module_of_the_network_that_was_trained_last_is_meant(seen):
    assert rewritten(SwapActivation((site("1:relu#0"),), "tanh"), seen) == [
        "return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))"
    ]


def test_the_side_that_had_the_targets_shape_is_changed(seen):
    assert rewritten(MatchShapes((1,), ()), seen) == [
        "return (first - second.reshape(-1, 1)).square().mean() "
        "+ 0 * (first - first).square().mean()"
    ]


def test_networks_that_are_trained_by_turns_leave_their_names_open(tmp_path):
    turns = TWO_STAGES.replace("difference(model(x), x[:, 0])", "model(teacher(x) + x).mean()")
    turns = turns.replace("range(9):", "range(9):\n    teacher(x).mean().backward()")

    found = noted(tmp_path, turns, 50)

    assert "1:relu#0" not in found.places
    assert found


def test_the_process_ends_when_enough_is_seen(tmp_path):
    endless = TWO_STAGES.replace("range(9)", "iter(int, 1)")

    found = noted(tmp_path, endless, 5)

    assert found.lines.keys() == {str(tmp_path / "train.py")}


def test_what_was_not_seen_decides_nothing(tmp_path):
    nothing = _read(tmp_path / PLACES)

    assert nothing == Noted()
    assert not nothing


def test_each_loss_is_waited_for():
    graph = chain("linear", "mse_loss")
    shots = [snapshot(graph, step=n) for n in (0, 90)]
    first, later = shots[0], replace(shots[1], stream=1)

    assert _enough(Trace(snapshots=(first, later), steps=200)) > 90
    assert _enough(Trace()) < 20
