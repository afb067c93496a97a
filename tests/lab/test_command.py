"""`lifesigns lab` as a user runs it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from at_once import COMMAND

from lifesigns.cli import main

SMALL = ["--data", "iris", "--net", "8", "--activation", "tanh,relu", "--rate", "0.01,0.1",
         "--seeds", "3", "--steps", "40", "--jobs", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory, forked):
    folder = tmp_path_factory.mktemp("lab")
    return folder, forked("lab", *SMALL, "--out", folder)


def test_it_advises_and_shows_every_cell_in_80_columns(done):
    _, process = done

    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("Take ")
    assert {"tanh", "relu"} <= set(process.stdout.split())
    assert max(map(len, process.stdout.splitlines())) <= 80


def test_it_writes_tables_a_page_and_the_design(done):
    folder, _ = done

    with (folder / "runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    with (folder / "ranking.csv").open(newline="") as file:
        ranking = list(csv.DictReader(file))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert len(runs) == 2 * 3
    assert [row["cell"] for row in ranking] in (["tanh", "relu"], ["relu", "tanh"])
    assert ranking[0]["cell"] in page
    assert not re.findall(r"<(?:script|link|iframe)[^>]* (?:src|href)=", page)


def test_the_written_design_repeats_the_run_bit_for_bit(done, tmp_path, forked):
    folder, _ = done

    process = forked("lab", folder / "design.toml", "--out", tmp_path, "--jobs", 2)

    assert process.returncode == 0, process.stderr
    assert (tmp_path / "runs.csv").read_text() == (folder / "runs.csv").read_text()


def test_a_reader_that_leaves_early_costs_no_file(tmp_path):
    command = [sys.executable, "-m", "lifesigns", "lab", *SMALL, "--out", str(tmp_path)]
    reading, writing = os.pipe()
    os.close(reading)

    subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, timeout=120, check=False)
    os.close(writing)

    assert {"report.html", "ranking.csv", "runs.csv"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(tmp_path, jobs, forked):
    slow = [*SMALL, "--steps", "1500", "--activation", "tanh,relu,sigmoid,elu", "--out", tmp_path]
    slow += ["--jobs", jobs]
    here = [sys.executable, "-m", "lifesigns"]
    command = [*(here if jobs == 1 else COMMAND), "lab", *map(str, slow)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list(tmp_path.glob("units/*.npz")) and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all its processes
    _, errors = process.communicate(timeout=60)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("units/*.npz")}

    assert process.returncode == 130
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors

    again = forked("lab", *slow)

    assert again.returncode == 0, again.stderr
    assert (
        kept.items()
        <= {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("units/*.npz")}.items()
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "digitz"], "Did you mean digits"),
        (["--data", "iris", "--activation", "rellu"], "Did you mean relu"),
        (["--data", "iris", "--rate", "0"], "0 is no learning rate"),
        (["--data", "iris", "--rate=-1"], "-1 is no learning rate"),
        (["--data", "diabetes"], "class labels"),
        (["--activation", "relu"], "names no data"),
        (["--data", "iris", "--on", "mars"], "local or ray"),
        (["--data", "absent.csv"], "does not exist"),
        (["absent.toml"], "does not exist"),
        (["--data", "iris", "--momentum", "nan"], "momentum is nan"),
        (["--data", "iris", "--net", "1000000000"], "There is no memory for training"),
        (["--data", "iris", "--target", "x"], "iris has its own targets"),
        (["--data", "iris", "--jobs", "1000000"], "--jobs is 1000000; at most"),
    ],
)
def test_a_mistake_is_explained_and_exits_with_2(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lifesigns", "lab", *arguments])

    with pytest.raises(SystemExit) as end:
        main()

    assert end.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_trained(tmp_path, forked):
    (tmp_path / "file").write_text("")

    process = forked("lab", *SMALL, "--out", tmp_path / "file" / "below")

    assert process.returncode == 2
    assert "Nothing can be written" in process.stderr


def test_an_unbalanced_name_of_a_compiler_is_explained():
    process = subprocess.run(
        [sys.executable, "-m", "lifesigns", "lab", *SMALL],
        env={**os.environ, "CC": "gcc 'half"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert process.returncode == 2
    assert "environment variable CC is" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_where_every_network_diverges_nothing_is_recommended(tmp_path, data, forked):
    loss = "ce" if data == "iris" else "mse"
    hopeless = ["--data", data, "--loss", loss, "--net", "8", "--activation", "none",
                "--rate", "1e30", "--seeds", "3", "--steps", "20", "--jobs", "1"]  # fmt: skip

    process = forked("lab", *hopeless, "--out", tmp_path)

    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("No cell learned, so none is recommended")
    assert "Take" not in process.stdout
    assert "No cell learned" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_damaged_design_of_an_earlier_run_is_no_hindrance(tmp_path, forked):
    (tmp_path / "design.toml").write_text("data = 'ir")

    process = forked("lab", *SMALL, "--out", tmp_path)

    assert process.returncode == 0, process.stderr
    assert "data" in (tmp_path / "design.toml").read_text()


def test_parquet_tables_hold_the_same_rows(tmp_path, forked):
    parquet = pytest.importorskip("pyarrow.parquet")

    process = forked("lab", *SMALL, "--out", tmp_path, "--parquet")

    assert process.returncode == 0, process.stderr
    assert parquet.read_table(tmp_path / "runs.parquet").num_rows == 6
    json.dumps(parquet.read_table(tmp_path / "ranking.parquet").to_pylist())
