"""The losses of a run in few rows, nothing rounded, and a page that follows is told each once."""

import numpy as np
import pytest
from run_files import rows

from lifesigns.records import LossCurve, RunInfo, to_json
from lifesigns.store import RunWriter, loss_rows, read_run
from lifesigns.store.news import NewsReader

NOISE = np.random.default_rng(0).random(2**17 + 5).astype(np.float32).astype(float)


def curve(first, last):
    steps = np.arange(first, last)
    return LossCurve(steps * 3, NOISE[steps], steps % 2)


def test_losses_are_not_rounded_and_take_a_sixth(tmp_path):
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        writer.losses(curve(0, len(NOISE)))

    assert to_json(read_run(tmp_path / "run.ls").losses) == to_json(curve(0, len(NOISE)))
    assert (tmp_path / "run.ls").stat().st_size < 24 * len(NOISE) / 6


def test_losses_that_come_one_by_one_end_in_few_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_rows, "ENOUGH", 200)
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        for step in range(1000):
            writer.losses(curve(step, step + 1))

    assert to_json(read_run(tmp_path / "run.ls").losses) == to_json(curve(0, 1000))
    ((count,),) = rows(tmp_path / "run.ls", "SELECT count(*) FROM losses")
    assert count <= 1000 / 200 + loss_rows.ROWS


@pytest.mark.parametrize("often", [1, 7, 50, 64, 150, 333])
def test_a_page_is_told_each_loss_once_however_often_it_asks(tmp_path, monkeypatch, often):
    monkeypatch.setattr(loss_rows, "ENOUGH", 100)
    told = []
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        reader = NewsReader(writer.path)
        for step in range(0, 700, 2):
            writer.losses(curve(step, step + 2))
            if step % often == 0:
                told.append(reader.read().losses.steps)
        told.append(reader.read().losses.steps)

    np.testing.assert_array_equal(np.concatenate(told), 3 * np.arange(700))


def test_what_rows_take_is_known(tmp_path):
    made = loss_rows.LossRows()
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        for step in range(0, 500, 5):
            made.add(curve(step, step + 5))
            writer.losses(curve(step, step + 5))

    columns = ("steps", '"values"', "streams", "form")
    query = f"SELECT {' + '.join(f'sum(length({column}))' for column in columns)} FROM losses"
    assert rows(writer.path, query) == [(made.bytes,)]
