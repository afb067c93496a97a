"""What all callbacks share, asked without any library."""

import gc
import os
import subprocess
import sys
import textwrap

import pytest
import torch

from lifesigns.integrations._session import Session

WITHOUT_AN_END = """
    import atexit, os, torch
    from lifesigns.integrations._session import Session

    eye, model = Session(), torch.nn.Linear(3, 1)
    atexit.register(lambda: print(eye.report.trace.info.outcome))
    eye._begin(model)
    model(torch.ones(4, 3)).square().mean().backward()
    if not os.fork():
        raise SystemExit
    os.wait()
    {ending}
"""


def step(session):
    """The first step of a training that the session watches."""
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    session._begin(model, [optimizer])
    model(torch.ones(4, 3)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("pass", "finished"), ("raise ValueError('mine')", "failed: ValueError")],
    ids=["exit", "mistake"],
)
def test_a_training_without_an_end_is_reported_once_when_python_exits(ending, outcome):
    script = textwrap.dedent(WITHOUT_AN_END.format(ending=ending))

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.splitlines() == ["running", outcome]  # that of the forked process is first
    assert done.stderr.count("lifesigns  ") == 1
    assert ("ValueError: mine" in done.stderr) == (done.returncode == 1)


def test_a_session_that_is_collected_leaves_nothing_and_says_nothing(capsys):
    before, session = torch.autograd.backward, Session()
    step(session)
    assert torch.autograd.backward is not before

    del session
    gc.collect()

    assert torch.autograd.backward is before
    assert capsys.readouterr().err == ""


def test_a_block_names_the_exception_that_ended_it():
    def train(session):
        with session:
            step(session)
            raise ValueError("mine")

    session = Session(show=False)
    with pytest.raises(ValueError, match="mine"):
        train(session)

    assert session.report.trace.info.outcome == "failed: ValueError"


def test_a_page_that_cannot_be_written_is_told_and_the_training_keeps_its_result(capsys, tmp_path):
    session = Session(show=False, html=tmp_path / "none" / "page.html")
    step(session)

    session._end()

    assert "lifesigns: " in capsys.readouterr().err
    assert session.report.trace.steps == 1


def test_one_of_several_processes_prints_and_each_writes_its_page(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(os.environ, "RANK", "1")
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    session = Session(html=tmp_path / "page.html")
    step(session)

    session._end()

    assert [path.name for path in tmp_path.iterdir()] == ["page-rank1.html"]
    assert "lifesigns  " not in capsys.readouterr().err
