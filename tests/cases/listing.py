"""The page of the documentation that lists the programs."""

from itertools import groupby

INTRODUCTION = """\
# Healthy but unusual programs

Each of these programs looks odd in some way, and each of them learns: its test trains it, checks
the stated measure, and allows lifesigns no warning and no error (notes are allowed). The programs
are in `tests/cases/healthy/`. This page is written from them by
`pytest tests/cases/test_healthy.py --overwrite`.
"""


def page(programs):
    """The list as Markdown, one table for each file of programs."""
    return INTRODUCTION + "".join(
        f"\n## {kind.capitalize()}\n\n" + "\n".join(_table(members)) + "\n"
        for kind, members in groupby(programs, key=lambda program: program.kind)
    )


def _table(programs):
    yield "| program | what is unusual | it learns |"
    yield "|---|---|---|"
    for program in programs:
        name = program.name.replace("_", " ")
        yield f"| {name} | {program.story} | {program.goal} |"
