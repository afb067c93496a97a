"""A program that was kept is loaded only if this user has put it there, as it was made."""

import os
import subprocess

import pytest
import torch

from lifesigns._programs import digest
from lifesigns.lab.engines.c import building

STRANGER = 12345
PLANT = """
#include <stdio.h>
__attribute__((constructor)) static void run(void) {{ fclose(fopen("{marker}", "w")); }}
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
pytestmark = pytest.mark.skipif(building.compiler() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    building.library.cache_clear()
    yield tmp_path / "cache" / "lifesigns" / "compiled"
    building.library.cache_clear()


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "planted code was run"


@pytest.fixture
def planted(tmp_path, marker):
    """The content of a program that leaves a marker as soon as it is loaded."""
    source, made = tmp_path / "plant.c", tmp_path / "plant.so"
    source.write_text(PLANT.format(marker=marker))
    command = [*building.compiler(), "-shared", "-fPIC", "-o", str(made), str(source)]
    subprocess.run(command, check=True)
    return made.read_bytes()


def program():
    """A fresh look at the cache, as another process would take."""
    building.library.cache_clear()
    return building.library(torch.float32)


def kept(cache):
    program()
    (path,) = cache.glob("*.so")
    return path


def plant(path, content, mode=0o700):
    """A planted program under a name that tells its content, as an attacker would choose it."""
    name, _, _ = path.name.partition(".")
    made = path.with_name(f"{name}.{digest(content)}.so")
    path.unlink()
    made.write_bytes(content)
    made.chmod(mode)
    return made


def test_the_plant_of_these_tests_does_run_where_nothing_is_looked_at(planted, marker, cache):
    plant(kept(cache), planted)

    program()

    assert marker.exists()


@pytest.mark.parametrize("damage", [b"", slice(100), slice(-1), b"\x7fELF of another kind"])
def test_a_damaged_program_is_made_anew(damage, cache):
    path = kept(cache)
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[damage] if isinstance(damage, slice) else damage)

    assert program() is not None
    assert [file.read_bytes() for file in cache.iterdir()] == [whole]


def test_what_others_have_put_into_the_file_is_not_run(planted, marker, cache):
    path = kept(cache)
    path.unlink()  # it is loaded by now, and what is loaded must not change
    path.write_bytes(planted)
    path.chmod(0o700)

    assert program() is not None
    assert not marker.exists()


def test_a_file_that_others_can_write_to_is_not_run(planted, marker, cache):
    made = plant(kept(cache), planted, mode=0o777)

    assert program() is not None
    assert not marker.exists()
    assert not made.exists()


@as_root
def test_a_file_of_another_user_is_not_run(planted, marker, cache):
    made = plant(kept(cache), planted)
    os.chown(made, STRANGER, STRANGER)

    assert program() is not None
    assert not marker.exists()


@pytest.mark.parametrize("target", ["a program", "nothing", "a folder"])
def test_a_link_in_place_of_a_program_is_not_followed(target, planted, marker, cache, tmp_path):
    made = plant(kept(cache), planted)
    elsewhere = {"a program": tmp_path / made.name, "nothing": tmp_path / "absent",
                 "a folder": tmp_path}[target]  # fmt: skip
    made.replace(tmp_path / made.name)
    made.symlink_to(elsewhere)

    assert program() is not None
    assert not marker.exists()
    assert not made.is_symlink()


def test_a_folder_in_place_of_a_program_is_passed_over(cache):
    path = kept(cache)
    (cache / path.name.replace(path.suffixes[0], ".0000")).mkdir()

    assert program() is not None


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_nothing_in_a_folder_that_others_can_write_to_is_run(mode, planted, marker, cache):
    made = plant(kept(cache), planted)
    cache.chmod(mode)

    with pytest.warns(UserWarning, match="compiled for this run alone"):
        found = program()

    assert found is not None
    assert not marker.exists()
    assert made.read_bytes() == planted


def test_nothing_below_a_folder_that_others_can_write_to_is_run(planted, marker, cache, tmp_path):
    plant(kept(cache), planted)
    (tmp_path / "cache").chmod(0o777)

    with pytest.warns(UserWarning, match="Set XDG_CACHE_HOME"):
        found = program()

    assert found is not None
    assert not marker.exists()


@as_root
def test_nothing_in_a_folder_of_another_user_is_run(planted, marker, cache):
    plant(kept(cache), planted)
    os.chown(cache, STRANGER, STRANGER)

    with pytest.warns(UserWarning, match="belongs to another user"):
        found = program()

    assert found is not None
    assert not marker.exists()


def test_a_program_that_is_not_kept_leaves_nothing_behind(cache, tmp_path, monkeypatch):
    kept(cache)
    cache.chmod(0o777)
    (tmp_path / "temporary").mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    with pytest.warns(UserWarning, match="others can write"):
        program()

    assert not list((tmp_path / "temporary").iterdir())


def test_a_wide_umask_makes_no_program_that_would_be_refused(cache):
    before = os.umask(0)
    try:
        path = kept(cache)
    finally:
        os.umask(before)
    written = path.stat().st_mtime_ns

    program()

    assert path.stat().st_mtime_ns == written
