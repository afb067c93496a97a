"""Which process this is, by what the environment says."""

import pytest

from lifesigns._ranks import MOST, Rank, rank_here
from lifesigns.records import RunInfo
from lifesigns.watch import Watcher


@pytest.mark.parametrize(
    ("rank", "world", "expected"),
    [
        ("1", "2", Rank(1, 2)),
        ("0", "1", None),
        ("2", "2", None),
        ("-1", "2", None),
        ("one", "2", None),
        ("0", str(MOST + 1), None),
        ("9" * 20, "9" * 24, None),
    ],
)
def test_numbers_that_are_none_of_a_process_are_those_of_one_alone(
    rank, world, expected, monkeypatch
):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)

    assert rank_here() == expected


@pytest.mark.parametrize(
    ("info", "name"), [(None, "x1-rank1.lifesigns"), (RunInfo("train.py"), "x1.lifesigns")]
)
def test_a_run_file_whose_name_was_decided_on_keeps_it(info, name, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")

    Watcher(save=tmp_path / "x1.lifesigns", info=info).detach()

    assert [path.name for path in tmp_path.glob("*.lifesigns")] == [name]
