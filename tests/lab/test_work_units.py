"""What is kept of a work unit is used only if it is whole."""

import numpy as np
import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.training.members import Member
from lifesigns.lab.training.work_units import Shelf, Source, WorkUnit
from lifesigns.nets import MLP, Recipe

WORK_UNIT = WorkUnit((Member(Recipe(MLP(4, (), 3), "cross_entropy")),), Source("iris"), 5)


@pytest.fixture(scope="module")
def history():
    return WORK_UNIT.train()


@pytest.fixture
def shelf(tmp_path, history):
    shelf = Shelf(tmp_path / "units")
    shelf.put(WORK_UNIT, history)
    return shelf


def the_file(shelf):
    (path,) = shelf.folder.iterdir()
    return path


def test_what_is_kept_is_what_was_put(shelf, history):
    np.testing.assert_array_equal(shelf.get(WORK_UNIT).losses, history.losses)


def test_a_file_with_any_damage_is_whole_or_none(shelf, history):
    path = the_file(shelf)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        for damaged in (whole[:position], whole[:position] + b"\xff\x00" + whole[position + 2 :]):
            path.write_bytes(damaged)
            found = shelf.get(WORK_UNIT)
            assert found is None or found.losses.shape == history.losses.shape


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all"])
def test_what_is_no_archive_is_as_good_as_nothing(shelf, content):
    the_file(shelf).write_bytes(content)

    assert shelf.get(WORK_UNIT) is None


def test_pickled_objects_are_not_read(shelf, history):
    arrays = {"losses": np.array([{}], object), "steps": history.steps,
              "diverged": history.diverged}  # fmt: skip
    np.savez(the_file(shelf), **arrays)

    assert shelf.get(WORK_UNIT) is None


@pytest.mark.parametrize(
    "change",
    [
        {"losses": np.zeros((4, 1))},
        {"diverged": np.zeros(2)},
        {"steps": np.arange(3)},
        {"measure_r2": np.zeros(1)},
    ],
)
def test_arrays_of_other_shapes_are_not_those_of_the_unit(shelf, history, change):
    arrays = {"losses": history.losses, "steps": history.steps, "diverged": history.diverged}
    arrays |= {f"measure_{name}": values for name, values in history.measures.items()}
    np.savez(the_file(shelf), **(arrays | change))

    assert shelf.get(WORK_UNIT) is None


def test_a_shelf_that_cannot_be_written_is_an_error_with_a_next_step(tmp_path, history):
    (tmp_path / "units").write_text("a file")

    with pytest.raises(UsageError, match=r"cannot be kept in .* the same command goes on"):
        Shelf(tmp_path / "units").put(WORK_UNIT, history)
