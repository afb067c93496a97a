"""The C program is compiled once, and a machine that cannot do it loses nothing but speed."""

import numpy as np
import pytest
import torch

from lifesigns._errors import UsageError
from lifesigns._programs import compiling
from lifesigns.lab import Member, train_population
from lifesigns.lab.engines.c import arithmetic, building
from lifesigns.nets import MLP, Recipe
from lifesigns.nets.data import load

RECIPE = Recipe(MLP(4, (8,), 3), "cross_entropy", 0.1)

needs_compiler = pytest.mark.skipif(building.compiler() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    building.library.cache_clear()
    yield tmp_path / "lifesigns" / "compiled"
    building.library.cache_clear()


@needs_compiler
def test_what_was_compiled_is_found_again(empty_cache):
    assert building.library(torch.float32) is not None
    (made,) = empty_cache.iterdir()
    written = made.stat().st_mtime_ns
    building.library.cache_clear()

    assert building.library(torch.float32) is not None

    assert [file.stat().st_mtime_ns for file in empty_cache.iterdir()] == [written]


@needs_compiler
def test_each_precision_and_each_set_of_flags_has_a_program_of_its_own(empty_cache, monkeypatch):
    building.library(torch.float32)
    building.library(torch.float64)
    monkeypatch.setattr(building, "FLAGS", (*building.FLAGS, "-O1"))
    building.library.cache_clear()
    building.library(torch.float32)

    assert len(list(empty_cache.iterdir())) == 3


@pytest.mark.parametrize(
    "command", ["false", "true", "echo", "sh -c 'echo no such flag >&2; exit 1'"]
)
def test_a_named_compiler_that_does_not_compile_is_named_and_torch_trains(command, monkeypatch):
    monkeypatch.setenv("CC", command)

    with pytest.warns(UserWarning, match=f"CC={command}") as said:
        history = train_population([Member(RECIPE, seed) for seed in range(3)], load("iris"), 100)

    assert building.library(torch.float32) is None
    assert arithmetic() == "torch's operations"
    assert history.measures["accuracy"][-1].min() > 0.6
    assert "sh -c" not in command or "no such flag" in str(said[0].message)


def test_without_a_compiler_torch_trains(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler --flag")
    monkeypatch.setenv("PATH", "")

    history = train_population([Member(RECIPE, seed) for seed in range(3)], load("iris"), 100)

    assert arithmetic() == "torch's operations"
    assert history.measures["accuracy"][-1].min() > 0.6


@pytest.mark.parametrize("text", ["gcc 'half", 'gcc "', "gcc \\"])
def test_a_compiler_that_is_no_command_is_an_error(text, monkeypatch):
    monkeypatch.setenv("CC", text)

    with pytest.raises(UsageError, match=r"environment variable CC .* such as CC=gcc"):
        building.library(torch.float32)


def test_a_compiler_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setenv("CC", "sh -c 'sleep 60'")
    monkeypatch.setattr(compiling, "PATIENCE", 0.2)

    with pytest.warns(UserWarning, match="timed out"):
        assert building.library(torch.float32) is None


@needs_compiler
def test_where_nothing_can_be_kept_the_program_is_made_for_this_run(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.warns(UserWarning, match="compiled for this run alone"):
        history = train_population([Member(RECIPE)], load("iris"), 5)

    assert "C program" in arithmetic()
    assert np.isfinite(history.losses).all()


def test_half_precision_has_no_program():
    assert building.library(torch.float16) is None
