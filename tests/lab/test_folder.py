"""A folder of results is looked at before anything is trained, and never left half written."""

import os

import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.design.design import Design
from lifesigns.lab.results.folder import make_folder, write_design


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(UsageError, match="Nothing can be written to"):
        make_folder(tmp_path / "file")

    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("name", [".", "report.html", "runs.csv", "design.toml"])
def test_a_pipe_where_something_is_to_be_written_is_refused_and_stays(tmp_path, name):
    path = tmp_path / "out" / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)

    with pytest.raises(UsageError, match=r"Nothing can be written|only regular files"):
        make_folder(tmp_path / "out")

    assert path.is_fifo()


def test_a_folder_that_has_become_a_file_is_an_error_without_a_traceback(tmp_path):
    (tmp_path / "out").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        write_design(Design("iris"), tmp_path / "out")


def test_the_design_is_written_at_once_and_leaves_nothing_else(tmp_path):
    write_design(Design("iris"), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["design.toml"]
