"""pytest puts each folder of tests on the path: modules of one name would hide each other."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_modules_of_the_tests_have_one_name():
    names = Counter(
        path.name
        for path in TESTS.rglob("*.py")
        if path.name != "conftest.py" and not (path.parent / "__init__.py").exists()
    )

    assert [name for name, count in names.items() if count > 1] == []
