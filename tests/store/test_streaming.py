"""Run files that are read piece by piece."""

import numpy as np
import pytest
from run_files import GRAPH, change, example, finished_run

from lifesigns._errors import RunFileError
from lifesigns.records import LossCurve, RunInfo, to_json
from lifesigns.rules.testing import chain
from lifesigns.store import RunWriter, location, read_progress, read_run, read_snapshots, reader


def losses(*steps):
    return LossCurve(np.array(steps), np.ones(len(steps)), np.zeros(len(steps), np.int64))


@pytest.mark.parametrize("count", [0, 1, reader.BATCH, 2 * reader.BATCH + 3])
def test_the_stream_has_what_the_run_has(tmp_path, count):
    path = finished_run(tmp_path / "a.run", steps=count)

    streamed = list(read_snapshots(path))

    assert [number for number, _ in streamed] == list(range(1, count + 1))
    assert [to_json(s) for _, s in streamed] == [to_json(s) for s in read_run(path).snapshots]


def test_only_what_is_new_is_read(tmp_path):
    path = finished_run(tmp_path / "a.run", steps=30)

    assert [number for number, _ in read_snapshots(path, after=27)] == [28, 29, 30]


def test_snapshots_of_one_graph_share_it(tmp_path):
    with RunWriter(tmp_path / "a.run", RunInfo()) as writer:
        for step in range(20):
            writer.append(example(step, GRAPH if step % 2 else chain("linear", "tanh")))

    graphs = {id(snapshot.graph) for _, snapshot in list(read_snapshots(tmp_path / "a.run"))}

    assert len(graphs) == 2


def test_a_writer_without_a_log_can_write_while_the_stream_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(location, "is_local", lambda folder: False)
    with RunWriter(tmp_path / "a.run", RunInfo()) as writer:
        for step in range(3):
            writer.append(example(step))
        steps = []
        for _, snapshot in read_snapshots(tmp_path / "a.run"):
            steps.append(snapshot.step)
            if len(steps) < 6:
                writer.append(example(10 + len(steps)))
                assert len(read_run(tmp_path / "a.run").snapshots) == 3 + len(steps)

    assert steps == [0, 1, 2, 11, 12, 13, 14, 15]


def test_a_damaged_snapshot_is_told_of_when_it_is_reached(tmp_path):
    path = finished_run(tmp_path / "a.run", steps=40)
    change(path, "UPDATE snapshots SET body = x'00' WHERE number = 30")

    stream = read_snapshots(path)

    assert next(stream)[0] == 1
    with pytest.raises(RunFileError, match="cannot be read"):
        list(stream)


def test_progress_is_the_run_without_its_snapshots(tmp_path):
    with RunWriter(tmp_path / "a.run", RunInfo("train.py")) as writer:
        writer.append(example(7))
        writer.losses(losses(0, 1, 9))

    progress = read_progress(tmp_path / "a.run")

    assert (progress.snapshots, progress.info.command, progress.steps) == ((), "train.py", 9)
    assert progress.losses.steps.tolist() == [0, 1, 9]
