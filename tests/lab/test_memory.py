"""What this machine has no memory for is refused before anything is allocated."""

import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.design import memory
from lifesigns.lab.design.design import Design
from lifesigns.lab.design.memory import require_memory
from lifesigns.lab.run import run
from lifesigns.nets.data import load

GIGABYTE = 10**9


@pytest.fixture
def eight_gigabytes(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: 8 * GIGABYTE)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"hidden": (10**9,)}, "networks of this size"),
        ({"hidden": (60_000, 60_000)}, "networks of this size"),
        ({"hidden": (30_000, 30_000), "activations": ("maxout",)}, "networks of this size"),
        ({"batch_size": 10**9}, "networks of this size"),
        ({"hidden": (2000, 2000), "chunk": 1000, "seeds": 2000}, "1,000 at a time"),
        ({"steps": 10**9}, "did in 1,000,000,000 steps"),
        ({"seeds": 10**9}, "what 1,000,000,012 networks did"),
    ],
)
def test_what_does_not_fit_is_named_with_both_numbers(settings, what, eight_gigabytes):
    with pytest.raises(UsageError, match=rf"{what}.* GB are needed.* has 8 GB.* --net"):
        run(Design("iris", **settings))


def test_every_process_counts(eight_gigabytes):
    design = Design("iris", hidden=(7000, 7000))

    require_memory(design, load("iris"), jobs=4)

    with pytest.raises(UsageError, match="8 at a time"):
        require_memory(design, load("iris"), jobs=8)


def test_what_fits_is_let_through(eight_gigabytes):
    require_memory(Design("digits", hidden=(1000,) * 20, steps=10**6, seeds=100), load("digits"), 1)


def test_a_container_has_what_its_control_group_allows(monkeypatch, tmp_path):
    (tmp_path / "small").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "CONTROL_GROUP", (tmp_path / "none", tmp_path / "absent"))
    whole = memory.memory()
    monkeypatch.setattr(memory, "CONTROL_GROUP", (tmp_path / "small", tmp_path / "none"))

    assert memory.memory() == 10**6 < whole


def test_where_nothing_is_known_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "memory", lambda: None)

    require_memory(Design("iris", hidden=(10**9,)), load("iris"), 1)
