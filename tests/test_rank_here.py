"""Which process this is, by what the environment says."""

import pytest

from lifesigns._ranks import MOST, Rank, rank_here
from lifesigns.watch import Watcher, watch


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
    ("begin", "name"), [(watch, "x1-rank1.lifesigns"), (Watcher, "x1.lifesigns")]
)
def test_the_front_door_decides_on_the_name_of_a_run_file(begin, name, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")

    begin(save=tmp_path / "x1.lifesigns").detach()

    assert [path.name for path in tmp_path.glob("*.lifesigns")] == [name]
