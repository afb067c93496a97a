"""The ladder as named numbers, and the logs that take them to a tracker."""

import random

import numpy as np
import pytest
import torch
from torch import nn

import lifesigns
from lifesigns.report import Logs
from lifesigns.report.series import LayerSeries
from lifesigns.rules import testing as made


class Notebook:
    """A log that notes what it is told."""

    def __init__(self):
        self.rows, self.rules, self.reports = [], [], []

    def numbers(self, step, numbers):
        random.random()
        self.rows.append((step, dict(numbers)))

    def finding(self, finding):
        self.rules.append(finding.rule)

    def end(self, report):
        self.reports.append(report)


class Broken(Notebook):
    def numbers(self, step, numbers):
        raise OSError("the disk is full\nand more")


def train(model, steps, **options):
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.randn(16, 4), torch.randint(3, (16,))
    with lifesigns.watch(model, optimizer, every=1, **options) as watcher:
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return watcher.report


def network(*end):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), *end)


def test_each_layer_has_few_numbers_named_by_its_module():
    log = Notebook()

    report = train(network(), 3, log_to=[log])

    assert [step for step, _ in log.rows] == [0, 1, 2]
    assert sorted(log.rows[0][1]) == [
        "lifesigns/0/dead_share",
        "lifesigns/0/gradient_rms",
        "lifesigns/0/rms",
        "lifesigns/0/slope",
        "lifesigns/0/update_ratio",
        "lifesigns/2/gradient_rms",
        "lifesigns/2/rms",
        "lifesigns/2/update_ratio",
    ]
    weight = report.trace.snapshots[0].parameter("0.weight")
    assert log.rows[0][1]["lifesigns/0/gradient_rms"] == weight.gradient_rms
    assert log.reports == [report]


def test_layers_without_a_module_of_their_own_are_told_apart():
    taken = made.snapshot(made.chain("linear", "relu", "linear", "tanh"))
    series = LayerSeries()

    names = {name.split("/")[1] for name in series.of(taken)}

    assert names <= {"0", "2"}
    assert LayerSeries(most=0).of(taken) == {}


def test_a_finding_is_told_once_and_before_the_end():
    log, seen = Notebook(), []

    train(network(nn.Softmax(1)), 6, log_to=[log], on_finding=lambda f: seen.append(len(log.rows)))

    assert log.rules.count("doubled-softmax") == 1
    assert seen[0] < 6


def test_a_log_that_fails_is_named_and_stops_nobody():
    log = Notebook()

    report = train(network(), 3, log_to=[Broken(), log])

    assert report.trace.unseen == ("Broken got nothing more: OSError: the disk is full",)
    assert report.trace.steps == len(log.rows) == 3


def test_random_numbers_of_a_log_are_not_those_of_the_run():
    random.seed(3)
    expected = random.random()
    random.seed(3)

    train(network(), 2, log_to=[Notebook()])

    assert random.random() == expected


def test_without_logs_nothing_is_computed(monkeypatch):
    monkeypatch.setattr(LayerSeries, "of", lambda *_: pytest.fail("computed"))

    Logs([]).snapshot(made.snapshot(made.chain("linear")))
    np.testing.assert_equal(bool(Logs([])), False)
