"""Where things are kept, and whether others could have put them there."""

import os
import tempfile
from pathlib import Path

import pytest

from lifesigns._cache import cache_folder, is_ours, make_private

STRANGER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.mark.parametrize("named", ["", "relative", "./here", "~/cache"])
def test_a_cache_home_that_is_no_absolute_path_is_ignored(named, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", named)

    assert cache_folder() == tmp_path / ".cache" / "lifesigns"


def test_a_home_that_does_not_exist_is_not_made(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))

    assert cache_folder().parent == Path(tempfile.gettempdir())


def test_a_user_without_a_home_has_a_folder_for_temporary_files(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)

    assert cache_folder().parent == Path(tempfile.gettempdir())


def test_what_is_made_is_for_this_user_only(tmp_path):
    make_private(tmp_path / "a" / "b")

    assert [f.stat().st_mode & 0o777 for f in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700] * 2
    make_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
@pytest.mark.parametrize("step", [".", "a", "a/b"])
def test_a_folder_is_not_private_where_others_can_write_on_the_way(tmp_path, mode, step):
    make_private(tmp_path / "a" / "b")
    (tmp_path / step).chmod(mode)

    with pytest.raises(PermissionError, match=r"others can write"):
        make_private(tmp_path / "a" / "b")


def test_a_sticky_folder_may_be_on_the_way_but_not_at_its_end(tmp_path):
    tmp_path.chmod(0o1777)

    make_private(tmp_path / "a")

    with pytest.raises(PermissionError, match="others can write"):
        make_private(tmp_path)


@as_root
@pytest.mark.parametrize("step", ["a", "a/b"])
def test_a_folder_is_not_private_where_another_user_has_a_part_of_the_way(tmp_path, step):
    make_private(tmp_path / "a" / "b")
    os.chown(tmp_path / step, STRANGER, STRANGER)

    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private(tmp_path / "a" / "b")


def test_a_link_counts_with_all_it_leads_through(tmp_path):
    make_private(tmp_path / "open" / "real")
    (tmp_path / "link").symlink_to(tmp_path / "open" / "real")
    make_private(tmp_path / "link" / "here")
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(PermissionError, match="open belongs to another user, or others can write"):
        make_private(tmp_path / "link" / "here")


@as_root
def test_a_link_of_another_user_is_not_followed(tmp_path):
    make_private(tmp_path / "mine")
    (tmp_path / "link").symlink_to("mine")
    os.chown(tmp_path / "link", STRANGER, STRANGER, follow_symlinks=False)

    with pytest.raises(PermissionError, match="link belongs to another user"):
        make_private(tmp_path / "link")


def test_a_link_that_leads_nowhere_or_in_a_circle_is_an_error(tmp_path):
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    for name in ("nowhere", "circle"):
        with pytest.raises(OSError, match=name):
            make_private(tmp_path / name)


def test_a_file_that_others_can_write_to_is_not_ours(tmp_path):
    (tmp_path / "file").touch(mode=0o600)
    before = is_ours((tmp_path / "file").stat())
    (tmp_path / "file").chmod(0o666)

    assert (before, is_ours((tmp_path / "file").stat())) == (True, False)
