"""Public functions say what their arguments are, and code stays short enough to be read."""

import ast
from pathlib import Path
from statistics import median

import lifesigns

SOURCE = Path(lifesigns.__file__).parent
LEAST_DOCUMENTED = 0.6
"""Share of the public functions with arguments whose docstrings describe them."""
LONGEST_FILE = 400
MEDIAN_RULE = 160
"""Lines of a rule's file, its manual text, its cases and the edits of its remedies with it."""
MEDIAN_FUNCTION = 6
"""Lines from `def` to the end, the docstring left out: explaining more is not growing longer."""


def parsed(folder):
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")}


def public_functions(node):
    """The functions of a module and the methods of its public classes, without nested ones."""
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public_functions(child)
        elif isinstance(child, ast.FunctionDef) and not child.name.startswith("_"):
            yield child


def arguments(function):
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [one.arg for one in every if one is not None and one.arg not in ("self", "cls")]


def documents_its_arguments(function):
    return "Args:" in (ast.get_docstring(function) or "")


def share_documented(modules, root):
    """The share of functions with arguments that document them, and where the others are."""
    functions = [
        (f"{path.relative_to(root)}:{function.lineno} {function.name}", function)
        for path, module in sorted(modules.items())
        for function in public_functions(module)
        if arguments(function)
    ]
    lacking = [place for place, function in functions if not documents_its_arguments(function)]
    return 1 - len(lacking) / len(functions), lacking


def lines_of_code(function):
    """Lines of a function without its docstring."""
    first = function.body[0]
    said = 0
    if ast.get_docstring(function) is not None:
        said = first.end_lineno - first.lineno + 1
    return function.end_lineno - function.lineno + 1 - said


def test_most_public_functions_document_their_arguments():
    share, lacking = share_documented(parsed(SOURCE), SOURCE)

    assert share >= LEAST_DOCUMENTED, "\n".join([f"{share:.1%} do, not these:", *lacking])


def test_a_function_without_words_for_its_arguments_is_found(tmp_path):
    said, silent = '"""X.\n\n    Args:\n        a: In metres.\n    """', '"""X."""'
    (tmp_path / "some.py").write_text(
        f"def told(a):\n    {said}\ndef silent(a):\n    {silent}\ndef bare():\n    {silent}\n"
        f"class Some:\n    def method(self, *a):\n        {silent}\n"
        f"    def alone(self):\n        {silent}\n"
        f"class _Own:\n    def method(self, a):\n        {silent}\n"
        f"def _own(a):\n    {silent}\n"
    )

    share, lacking = share_documented(parsed(tmp_path), tmp_path)

    assert lacking == ["some.py:7 silent", "some.py:12 method"]
    assert share == 1 - 2 / 3


def test_half_of_all_functions_have_few_lines():
    functions = [
        node
        for module in parsed(SOURCE).values()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    ]

    assert median(map(lines_of_code, functions)) <= MEDIAN_FUNCTION


def test_a_docstring_does_not_count_as_length():
    (long, short) = ast.parse(
        'def long(a):\n    """X.\n\n    More.\n    """\n    b = a\n    return b\n'
        "def short(a):\n    return a\n"
    ).body

    assert (lines_of_code(long), lines_of_code(short)) == (3, 2)


def test_no_file_is_long():
    lines = {
        path.relative_to(SOURCE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCE.rglob("*.py")
    }

    assert {name: n for name, n in lines.items() if n > LONGEST_FILE} == {}


def test_half_of_all_rules_are_short():
    lines = [
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (SOURCE / "rules").glob("*/[!_]*.py")
    ]

    assert median(lines) <= MEDIAN_RULE
