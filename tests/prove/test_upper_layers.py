import os

import pytest

from lifesigns.prove.layers import MOUNTS, PREFIX, Mount, is_within, layers, mounts

OPEN = ("rw",)


@pytest.fixture
def disk(tmp_path):
    """A disk with folders, and the table of mounts that has it alone."""
    for name in ("home/user", "data", "tmp/sandbox", "tmp/other", "media/stick"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def found(disk, *further, places=()):
    table = [Mount(str(disk), OPEN), *further]
    paths = layers(table, str(disk / "tmp/sandbox"), [str(disk / place) for place in places])
    return [os.path.relpath(path, disk) for path in paths]


def test_layers_lie_as_high_as_the_sandbox_allows(disk):
    assert found(disk) == ["data", "home", "media", "tmp/other"]


def test_the_folder_of_another_sandbox_which_may_go_at_any_time_gets_no_layer(disk):
    (disk / f"tmp/{PREFIX}abc").mkdir()

    assert found(disk) == ["data", "home", "media", "tmp/other"]


def test_a_mount_within_a_folder_is_gone_around(disk):
    stick = Mount(str(disk / "media/stick"), OPEN)
    (disk / "media/drawer").mkdir()

    assert found(disk, stick) == ["data", "home", "media/drawer", "media/stick", "tmp/other"]


def test_what_is_mounted_read_only_needs_no_layer(disk):
    stick = Mount(str(disk / "media/stick"), ("ro", "nosuid"))

    assert found(disk, stick) == ["data", "home", "tmp/other"]


def test_a_place_that_holds_the_sandbox_cannot_be_covered(disk):
    assert "tmp" not in found(disk, places=["tmp"])


def test_a_place_under_a_layer_is_covered_already(disk):
    assert found(disk, places=["home/user"]) == found(disk)


@pytest.mark.parametrize("places", [[], ["home/user"]])
def test_layers_begin_anew_below_a_folder_of_somebody_else(disk, monkeypatch, places):
    (disk / "data/others/mine").mkdir(parents=True)
    monkeypatch.setattr("lifesigns.prove.layers._is_mine", lambda path: "others" not in path[-6:])

    assert found(disk, places=places) == ["data", "home", "media", "data/others", "tmp/other"]


def test_a_place_below_a_folder_of_somebody_else_gets_a_layer_at_any_depth(disk, monkeypatch):
    deep = "data/a/b/c/d/others/mine"
    (disk / deep).mkdir(parents=True)
    monkeypatch.setattr("lifesigns.prove.layers._is_mine", lambda path: not path.endswith("others"))

    assert deep in found(disk, places=[deep])
    assert deep not in found(disk)


def test_links_are_no_folders(disk):
    (disk / "link").symlink_to("data")

    assert "link" not in found(disk)


@pytest.mark.parametrize("path", ["/dev", "/proc", "/sys", "/dev/shm", "/sys/fs/cgroup"])
def test_what_the_kernel_makes_up_gets_no_layer(path):
    assert not Mount(path, OPEN).takes_layers


def test_a_beginning_that_is_alike_is_not_within():
    assert is_within("/tmp/a", "/tmp")
    assert is_within("/tmp", "/")
    assert not is_within("/tmpfile", "/tmp")


def test_this_process_has_a_topmost_mount():
    assert "/" in {mount.path for mount in mounts(MOUNTS.read_text())}
