"""`lifesigns live RUN`: what is no run is refused with the next step; Ctrl-C ends it."""

import os
import signal
import subprocess
import sys

import pytest
import run_files
from served import address_of

from lifesigns._errors import MissingExtraError, RunFileError, UsageError
from lifesigns.commands.live import live


def test_a_file_that_is_not_there_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(RunFileError, match="lifesigns run --save"):
        live(tmp_path / "run.lifesigns")


def test_a_file_that_is_no_run_is_refused(tmp_path):
    path = tmp_path / "run.lifesigns"
    path.write_text("epoch 1, loss 2.3\n" * 100)

    with pytest.raises(RunFileError, match="not a run file"):
        live(path)


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("lifesigns.live.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.types", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'lifesigns\[live\]'"):
        live(run_files.finished_run(tmp_path / "run.lifesigns"))


def test_a_port_of_another_program_is_refused(tmp_path):
    import socket

    path = run_files.finished_run(tmp_path / "run.lifesigns")
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UsageError, match="port"):
        live(path, port=other.getsockname()[1])


def test_it_serves_until_ctrl_c(tmp_path):
    path = run_files.finished_run(tmp_path / "run.lifesigns")
    process = subprocess.Popen(
        [sys.executable, "-m", "lifesigns", "live", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    address = address_of(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert address.hostname == "127.0.0.1"
    assert (process.returncode, said) == (0, "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.lifesigns"]
