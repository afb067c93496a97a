"""scripts/growth.py: what it counts and in which order."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/growth.py"


@pytest.fixture(scope="module")
def growth():
    spec = importlib.util.spec_from_file_location("scripts_growth", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def function(name, lines):
    return f"def {name}():\n" + "    pass\n" * (lines - 1)


@pytest.fixture
def sections(growth, tmp_path):
    """The rows of the report on a small checkout, by the first word of their title."""
    written = {
        "src/lifesigns/cli.py": function("short", growth.LONG),
        "src/lifesigns/rules/a.py": function("long", growth.LONG + 1),
        "src/lifesigns/rules/deep/b.py": "class A:\n    async def longer(self):\n"
        + "        pass\n" * (growth.LONG + 10),
        "tests/test_a.py": "",
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    parts = [part.splitlines() for part in growth.report(tmp_path).strip().split("\n\n")]
    return {title.split()[0]: [row.split(maxsplit=1) for row in rows] for title, *rows in parts}


def test_each_package_has_its_lines_with_those_of_its_subpackages(sections):
    assert sections["lines"] == [
        ["93", "src/lifesigns/rules"],
        ["40", "src/lifesigns/cli.py"],
        ["0", "tests"],
    ]


def test_the_largest_file_comes_first(sections):
    assert sections["largest"][0] == ["52", "src/lifesigns/rules/deep/b.py"]


def test_only_functions_that_are_too_long_are_listed_with_their_place(sections):
    assert sections["functions"] == [
        ["51", "src/lifesigns/rules/deep/b.py:2 longer"],
        ["41", "src/lifesigns/rules/a.py:1 long"],
    ]
