import stat
from pathlib import Path

import pytest

from lifesigns._errors import UsageError
from lifesigns.prove.copies import CannotRun, Copies, size_of
from lifesigns.prove.layers import PREFIX
from lifesigns.prove.places import new_folder, outermost, parent_for, project, remove


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "code" / "scripts").mkdir(parents=True)
    return tmp_path


def test_a_project_is_the_nearest_folder_with_a_mark(home):
    (home / "code" / "pyproject.toml").touch()

    assert project(home / "code" / "scripts" / "train.py", home) == home / "code"


def test_without_a_mark_it_is_the_scripts_own_folder(home):
    assert project(home / "code" / "scripts" / "train.py", home) == home / "code" / "scripts"


def test_a_home_with_a_mark_is_no_project(home):
    (home / ".git").mkdir()

    assert project(home / "code" / "train.py", home) == home / "code"


def test_a_module_belongs_to_the_working_directory(home):
    assert project(None, home / "code") == home / "code"


def test_of_folders_within_one_another_the_outermost_count():
    folders = [Path("/a/b"), Path("/a"), Path("/a/b"), Path("/ab")]

    assert outermost(folders) == [Path("/a"), Path("/ab")]


def test_a_sandbox_is_made_beside_the_places_that_layers_are_to_cover():
    assert parent_for([Path("/tmp")]) != Path("/tmp")
    assert parent_for([Path("/var/tmp")]) != Path("/var/tmp")
    assert parent_for([Path("/")]).is_dir()


def test_a_folder_with_something_in_it_is_not_new(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="exists already"):
        new_folder(tmp_path)
    with pytest.raises(UsageError, match="no place for a folder"):
        new_folder(tmp_path / "file")
    assert new_folder(tmp_path / "a" / "b").is_dir()


def test_a_sandbox_with_closed_folders_is_removed_and_what_its_links_name_is_not(tmp_path):
    outside, sandbox = tmp_path / "outside", tmp_path / "sandbox"
    closed = sandbox / "work" / "work"
    closed.mkdir(parents=True)
    outside.mkdir(mode=0o500)
    (sandbox / "link").symlink_to(outside)
    closed.chmod(0)

    remove(sandbox)

    assert not sandbox.exists()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o500


def test_copies_keep_links_and_leave_out_sandboxes(tmp_path):
    tree = tmp_path / "tree"
    (tree / f"{PREFIX}abc").mkdir(parents=True)
    (tree / "link").symlink_to("nowhere")
    copies = Copies([tree], tmp_path / "copies")

    copies.make()

    inside = copies.inside(tree)
    assert [path.name for path in inside.iterdir()] == ["link"]
    assert (inside / "link").readlink() == Path("nowhere")
    assert copies.inside(Path("/elsewhere")) == Path("/elsewhere")


def test_a_tree_that_is_too_large_is_not_copied(tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "data").write_bytes(bytes(1000))
    monkeypatch.setattr("lifesigns.prove.copies.MOST_OF_DISK", 1e-12)

    with pytest.raises(CannotRun, match="too large for a copy"):
        Copies([tree], tmp_path / "copies").make()
    assert size_of(tree) == 1000
