"""The C program is compiled once, and a machine that cannot do it loses nothing but speed."""

import os

import numpy as np
import pytest
import torch

from lifesigns.lab import Member, train_population
from lifesigns.lab.compiled import arithmetic, building
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


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler --flag"])
def test_without_a_compiler_that_works_torch_trains(compiler, monkeypatch):
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("PATH", os.environ["PATH"] if compiler == "false" else "")
    iris = load("iris")

    history = train_population([Member(RECIPE, seed) for seed in range(3)], iris, 100)

    assert building.library(torch.float32) is None
    assert arithmetic() == "torch's operations"
    assert history.measures["accuracy"][-1].min() > 0.6


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    history = train_population([Member(RECIPE)], load("iris"), 5)

    assert building.library(torch.float32) is None
    assert np.isfinite(history.losses).all()


def test_half_precision_has_no_program():
    assert building.library(torch.float16) is None
