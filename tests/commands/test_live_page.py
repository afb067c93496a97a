"""What hinders the page of a watched script does not hinder the script."""

import pytest

from lifesigns._errors import RunFileError
from lifesigns.commands._run import live_page
from lifesigns.commands._run.live_page import with_page
from lifesigns.rules import Selection


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(live_page.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def watch(save):
    if save is not None and "full" in str(save):
        raise RunFileError("The run file cannot be made: disk full.")
    return f"watched, saved to {save}"


def full(save):
    return watch(save and save / "full")


def test_a_temporary_file_that_cannot_be_made_is_said(temporary):
    said = []

    watcher, page = with_page(full, None, Selection(), said.append)

    assert (watcher, page) == ("watched, saved to None", None)
    assert said == ["no live page, the training goes on: The run file cannot be made: disk full."]
    assert list(temporary.iterdir()) == []


def test_a_file_that_the_user_wants_and_cannot_have_is_his_to_know(temporary):
    said = []

    with pytest.raises(RunFileError, match="disk full"):
        with_page(full, temporary / "run", Selection(), said.append)

    assert said == []
    assert list(temporary.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(temporary, monkeypatch):
    monkeypatch.setattr(live_page.tempfile, "tempdir", str(temporary / "missing"))
    said = []

    watcher, page = with_page(watch, None, Selection(), said.append)

    assert (watcher, page) == ("watched, saved to None", None)
    assert said[0].startswith("no live page, the training goes on: ")


def test_a_server_that_does_not_start_is_said_and_its_folder_is_removed(temporary, monkeypatch):
    monkeypatch.setattr(live_page.sys, "executable", str(temporary / "no python"))
    said = []

    watcher, page = with_page(watch, None, Selection(), said.append)
    page.end()

    assert watcher == f"watched, saved to {page.run_file}"
    assert said[0].startswith("no live page, the training goes on: ")
    assert list(temporary.iterdir()) == []
