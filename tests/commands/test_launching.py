"""What is said of programs that only start others."""

import itertools
import multiprocessing.process as started
import sys

import pytest

from lifesigns._errors import UsageError
from lifesigns.commands._run.launching import hint, is_launcher, with_children_watched
from lifesigns.records import Trace
from lifesigns.report import Report


@pytest.mark.parametrize("name", ["accelerate.commands.launch", "deepspeed"])
def test_a_launcher_that_cannot_be_told_is_refused_with_the_way_to_do_it(name):
    with pytest.raises(UsageError, match="lifesigns run SCRIPT"):
        is_launcher(name, module=True)


def test_what_torchrun_starts_is_started_by_lifesigns(monkeypatch):
    given = ["--nproc-per-node=2", "-m", "pkg.train", "--lr", "1"]
    own = ["lifesigns", "run", "--every", "5", "-m", "torch.distributed.run", *given]
    monkeypatch.setattr(sys, "argv", own)

    words = with_children_watched(given)

    head = ["--nproc-per-node=2", "-m", "lifesigns", "run", "--every", "5"]
    assert words == [*head, "-m", "pkg.train", "--lr", "1"]
    with pytest.raises(UsageError, match="--no-python lifesigns run"):
        with_children_watched(["--no-python", "train.sh"])


def test_children_that_a_program_starts_itself_are_told_how_to_be_watched(monkeypatch):
    nothing = Report(Trace(), ())
    monkeypatch.setattr(started, "_process_counter", itertools.count(1))
    assert hint(nothing) == ""
    monkeypatch.setattr(started, "_process_counter", itertools.count(3))
    assert "lifesigns.watch(model, save='run-{rank}.lifesigns')" in hint(nothing)
    assert hint(Report(Trace(steps=3), ())) == ""
