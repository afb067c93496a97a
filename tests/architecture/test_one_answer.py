"""One question has one answer: whether a run learned is asked of its course and nothing else."""

import ast
import re
from pathlib import Path

import pytest

import lifesigns

SOURCE = Path(lifesigns.__file__).parent
RAW = re.compile(r"\.losses\.(values|stream\()")
"""Where the loss of every step is taken from the records."""
MAY_READ_LOSSES = {
    "evidence/courses.py",
    "evidence/stream.py",
    "report/curve.py",  # draws them
    "report/as_text.py",  # counts them
}
JUDGES = [
    path
    for folder in ("evidence", "rules", "report")
    for path in sorted((SOURCE / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", JUDGES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_rule_or_report_makes_its_own_course_of_the_losses(path):
    reads = bool(RAW.search(path.read_text(encoding="utf-8")))

    assert not reads or path.relative_to(SOURCE).as_posix() in MAY_READ_LOSSES


def test_there_is_one_learned():
    answers = [
        (path.name, node.name)
        for path in JUDGES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and re.fullmatch(r"_?(learned|has_learned|learns|fell|progress|trend|harms?)", node.name)
    ]

    assert answers == [("course.py", "learned"), ("course.py", "harm")]
