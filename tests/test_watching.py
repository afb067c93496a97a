"""What `lifesigns.watch` does besides recording: settings, findings as they come, one watcher."""

import gc
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

import lifesigns
from lifesigns import TrainingStopped
from lifesigns._errors import UsageError
from lifesigns.store import read_findings, read_run

X, Y = torch.linspace(-1, 1, 128).reshape(32, 4), torch.arange(32) % 3


def doubled_softmax():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1))


def train(model, steps=10):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), Y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.fixture
def backward():
    """What torch calls unwatched; it is in place again afterwards."""
    original = torch.autograd.backward
    yield original
    assert torch.autograd.backward is original


# --- findings as they come ------------------------------------------------------------------------
def test_each_finding_is_told_once_and_the_run_stays_as_it_was(backward):
    plain = train(doubled_softmax())
    model, told = doubled_softmax(), []

    with lifesigns.watch(model, on_finding=told.append) as watcher:
        losses = train(model)

    assert losses == plain
    places = [(finding.rule, finding.site) for finding in told]
    assert len(set(places)) == len(places)
    assert set(places) >= {(finding.rule, finding.site) for finding in watcher.findings}
    assert told[0].rule == "doubled-softmax"


def test_what_the_function_raises_is_raised_where_the_step_ends(backward):
    model = doubled_softmax()

    def refuse(finding):
        raise KeyError(finding.rule)

    with (
        pytest.raises(KeyError, match="doubled-softmax"),
        lifesigns.watch(model, on_finding=refuse) as watcher,
    ):
        train(model)

    assert watcher.trace.steps == 1
    assert watcher.trace.info.outcome == "failed: KeyError"
    assert watcher.trace.unseen == ()


@pytest.mark.parametrize("asked", ["warning", ["doubled-softmax", "error"], "LOS001"])
def test_a_run_ends_at_a_finding_it_was_told_to_end_at(backward, asked):
    model = doubled_softmax()

    with pytest.raises(TrainingStopped) as stop, lifesigns.watch(model, stop_on=asked) as watcher:
        train(model)

    assert stop.value.finding.rule == "doubled-softmax"
    assert "3:softmax#0" in str(stop.value)
    assert "Hand the last layer's output to the loss" in str(stop.value)
    assert watcher.trace.info.outcome == "stopped after 1 step: doubled-softmax (stop_on)"


def test_a_run_without_such_a_finding_goes_on(backward):
    model = doubled_softmax()

    with lifesigns.watch(model, stop_on=["exploding-gradient"]) as watcher:
        train(model)

    assert watcher.trace.steps == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stop_on": "eror"}, "eror"),
        ({"stop_on": []}, "expected a severity"),
        ({"on_finding": 3}, "expected a function"),
    ],
)
def test_a_mistake_is_said_before_training(options, said):
    with pytest.raises(UsageError, match=said):
        lifesigns.watch(**options)


def test_the_function_may_wait_for_a_thread_that_works_with_networks(backward):
    waited = []

    def wait(finding):
        other = threading.Thread(target=lambda: train(doubled_softmax().eval(), 1), daemon=True)
        other.start()
        other.join(30)
        waited.append(not other.is_alive())

    model = doubled_softmax()
    with lifesigns.watch(model, every=1, on_finding=wait) as watcher:
        train(model)

    assert waited
    assert all(waited)
    assert watcher.trace.steps == 10


# --- one watcher ----------------------------------------------------------------------------------
def test_a_second_watcher_of_a_network_takes_over_and_says_so(backward, capsys):
    model = doubled_softmax()
    first = lifesigns.watch(model, every=1)
    train(model, 2)

    with lifesigns.watch(nn.DataParallel(model), every=1) as second:
        train(model, 3)

    assert "watched already" in capsys.readouterr().err
    assert (first.trace.steps, second.trace.steps) == (2, 3)
    assert first.detach().trace.info.outcome == "replaced after 2 steps by another watch"


@pytest.mark.parametrize("refused", [{"stop_on": "eror"}, {"save": "no such folder/run.ls"}])
def test_what_is_refused_leaves_the_earlier_watcher_where_it_is(backward, refused):
    model = doubled_softmax()
    first = lifesigns.watch(model, every=1)
    with pytest.raises(UsageError):
        lifesigns.watch(model, **refused)
    train(model, 3)

    assert first.detach().trace.steps == 3


def test_a_watcher_that_is_collected_detaches_and_completes_its_file(backward, tmp_path, capsys):
    model, path = doubled_softmax(), tmp_path / "run.lifesigns"
    watcher = lifesigns.watch(model, save=path)
    train(model, 3)

    del watcher
    gc.collect()

    assert torch.autograd.backward is backward
    assert read_run(path).info.outcome.startswith("let go after 3 steps")
    assert read_findings(path)[0].rule == "doubled-softmax"
    assert capsys.readouterr().err == ""


def test_a_watcher_that_nobody_keeps_says_how_to_keep_it(backward, capsys):
    lifesigns.watch(doubled_softmax())

    assert "watcher = lifesigns.watch(model)" in capsys.readouterr().err


# --- settings -------------------------------------------------------------------------------------
SETTINGS = """
[tool.lifesigns]
ignore = ["dead-units"]
every = 3

[tool.lifesigns.per-site-ignores]
"3:*" = ["doubled-softmax"]
"""


@pytest.mark.parametrize("wrap", [nn.Sequential, nn.DataParallel, checkpoint_wrapper])
def test_the_settings_of_the_project_hold_for_a_network_wrapped_or_not(
    backward, tmp_path, monkeypatch, wrap
):
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    model = doubled_softmax()

    with lifesigns.watch(every=2) as given:
        train(wrap(*model) if wrap is nn.Sequential else wrap(model), 6)
    with lifesigns.watch(model) as watcher:
        train(model, 6)

    assert given.trace.recorded_steps == 3
    assert watcher.trace.recorded_steps == 2
    for report in (given.report, watcher.report):
        assert "doubled-softmax" not in [finding.rule for finding in report.findings]
        assert report.ignored["doubled-softmax"] == 1


def test_a_mistake_in_the_settings_is_said_and_an_argument_goes_before_them(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[tool.lifesigns]\nignore = ["dead-unit"]\n')
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="Did you mean dead-units"):
        lifesigns.watch()
    lifesigns.watch(ignore=["OPT"]).detach()


class Drawing:
    """A tracker that draws random numbers of torch."""

    def numbers(self, step, numbers):
        torch.randn(4)

    def finding(self, finding):
        torch.randn(4)

    def end(self, report):
        torch.randn(4)


def drawn(**watching):
    """Random numbers of a training."""
    torch.manual_seed(0)
    net = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with lifesigns.watch(net, optimizer, every=1, **watching):
        for _ in range(4):
            optimizer.zero_grad()
            net(torch.randn(8, 4)).square().mean().backward()
            optimizer.step()
    return torch.cat([net.weight.flatten(), torch.randn(3)])


def test_a_tracker_that_draws_random_numbers_changes_nothing():
    assert torch.equal(drawn(), drawn(log_to=[Drawing()]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_to": None},
        {"log_to": Drawing()},
        {"log_to": "runs"},
        {"stop_on": 5},
        {"stop_on": [["error"]]},
        {"save": 5},
        {"save": b"run"},
    ],
)
def test_what_is_of_another_type_is_refused_in_words(wrong):
    (name,) = wrong
    with pytest.raises(UsageError, match=f"{name}=.*: expected"):
        lifesigns.watch(**wrong)


def test_words_to_stop_on_may_have_blanks_between_them():
    watcher = lifesigns.watch(stop_on="warning, dead-units")

    assert watcher.detach().findings == ()
