"""Of very large layers and tables a part is read; the numbers are right, the report says so."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from oracles.recorded import record, snapshot
from torch import nn

from lifesigns.record import pass_reader
from lifesigns.record.measure import large
from lifesigns.report import Report
from lifesigns.rules import judge

torch.set_num_threads(1)


class Table(nn.Module):
    """An embedding, averaged, and a layer; or the scores of its own rows."""

    def __init__(self, rows=40, *, tied=False):
        super().__init__()
        self.table, self.layer, self.tied = nn.Embedding(rows, 3), nn.Linear(3, 2), tied

    def forward(self, tokens):
        looked_up = self.table(tokens).mean(1)
        return looked_up @ self.table.weight.T if self.tied else self.layer(looked_up)


def read_table(model, tokens):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    target = torch.zeros(len(tokens), dtype=torch.long)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(tokens), target).backward()
        optimizer.step()

    return snapshot(step, model, [optimizer]).parameter("table.weight")


def read_rows(monkeypatch):
    """How many rows of each gradient were read in place of all."""
    seen, original = [], pass_reader.lookups

    def noting(walked):
        found = original(walked)
        seen.append({rows.unique().numel() for rows in found.values()})
        return found

    monkeypatch.setattr(pass_reader, "lookups", noting)
    return seen


def test_looked_up_rows_say_what_all_rows_say(monkeypatch):
    tokens = torch.randint(40, (5, 3))
    torch.manual_seed(0)
    some = read_table(Table(), tokens)
    monkeypatch.setattr(pass_reader, "lookups", lambda walked: {})
    torch.manual_seed(0)
    whole = read_table(Table(), tokens)
    for field in dataclasses.fields(whole):
        found, expected = getattr(some, field.name), getattr(whole, field.name)
        if isinstance(expected, float):
            expected = pytest.approx(expected, rel=1e-6, nan_ok=True)
        assert found == expected, field.name


def test_only_the_rows_that_were_looked_up_are_read(monkeypatch):
    seen = read_rows(monkeypatch)
    read_table(Table(), torch.tensor([[1, 2, 2], [7, 1, 1]]))
    assert seen == [{3}]


@pytest.mark.parametrize("hook", ["register_hook", "register_post_accumulate_grad_hook"])
def test_a_gradient_that_a_hook_may_change_is_read_as_a_whole(monkeypatch, hook):
    seen, model = read_rows(monkeypatch), Table()
    getattr(model.table.weight, hook)(lambda given: None)
    read_table(model, torch.tensor([[1, 2, 3]]))
    assert seen == [set()]


def test_a_table_that_something_else_uses_is_read_as_a_whole(monkeypatch):
    seen = read_rows(monkeypatch)
    read = read_table(Table(tied=True), torch.tensor([[1, 2, 3]]))
    assert seen == [set()]
    assert read.distinct_gradient_rows > 4


def test_a_gradient_that_was_there_before_is_read_as_a_whole(monkeypatch):
    seen, model = read_rows(monkeypatch), Table()
    tokens, target = torch.tensor([[1, 2, 3]]), torch.tensor([0])
    model.table.weight.grad = torch.ones_like(model.table.weight)
    trace = record(lambda: F.cross_entropy(model(tokens), target).backward(), model)
    assert seen == [set()]
    read = trace.snapshots[0].parameter("table.weight")
    assert read.gradient_rms == pytest.approx(float(model.table.weight.grad.square().mean().sqrt()))


def wide(units=100):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, units), nn.ReLU(), nn.Linear(units, 3))
    x, y = torch.randn(16, 4), torch.randint(3, (16,))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return record(lambda: [step() for _ in range(3)], model, [optimizer])


def test_evenly_spread_units_of_a_wide_layer_are_read(monkeypatch):
    whole = wide().snapshots[0].reading_of("1:relu#0")
    monkeypatch.setattr(large, "MOST_UNITS", 16)
    some = wide().snapshots[0].reading_of("1:relu#0")
    for what in ("value", "output_gradient", "input_gradient"):
        expected, found = getattr(whole, what), getattr(some, what)
        assert found.units == 15
        assert found.active.tolist() == expected.active[::7].tolist()
        assert found.saturated.tolist() == expected.saturated[::7].tolist()
        assert found.total == pytest.approx(expected.total[::7], rel=1e-5, abs=1e-6)


def test_the_report_says_how_many_units_and_rows_were_read(monkeypatch):
    monkeypatch.setattr(large, "MOST_UNITS", 16)
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr("lifesigns.record.measure.parameters.LARGE", 1)
    trace = wide()
    text = " ".join(str(Report(trace, judge(trace))).split())
    assert "1:relu#0: 15 of 100 units are read" in text
    assert "0.weight (15 of 100 rows are read)" in text


def test_the_size_of_a_large_weight_is_that_of_its_rows_on_average(monkeypatch):
    whole = wide().snapshots[0].parameter("0.weight")
    monkeypatch.setattr(large, "MOST_UNITS", 16)
    monkeypatch.setattr("lifesigns.record.measure.parameters.LARGE", 1)
    some = wide().snapshots[0].parameter("0.weight")
    assert some.weight_rms == pytest.approx(whole.weight_rms, rel=0.2)
    assert some.gradient_rms == whole.gradient_rms
    assert some.distinct_weight_rows == 15


def test_every_rule_judges_a_run_of_which_some_units_were_read(monkeypatch):
    monkeypatch.setattr(large, "MOST_UNITS", 2)
    findings = judge(wide())
    assert "rule-failed" not in {finding.rule for finding in findings}
