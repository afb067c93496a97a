"""How large the code has become, as text at the end of CI: `python -m scripts.growth`.

Nothing fails by it. It is there so that growth is seen in the commit that brings it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG = 40
"""Lines of a function that CONTRIBUTING calls long."""
LARGEST = 10
"""How many of the largest files are listed."""


def report(root: Path) -> str:
    """Lines of each package, the largest files and the long functions of a checkout."""
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _files(root)}
    sections = {
        "lines per package": _packages(root, lines),
        f"largest {LARGEST} files": _largest(root, lines),
        f"functions longer than {LONG} lines": _long_functions(root, lines),
    }
    return "\n".join(
        f"{title}\n" + ("\n".join(f"{n:7,}  {name}" for name, n in rows) or "   none") + "\n"
        for title, rows in sections.items()
    )


def _files(root: Path) -> list[Path]:
    parts = ("src", "scripts", "tests")
    return sorted(path for part in parts for path in (root / part).rglob("*.py"))


def _packages(root: Path, lines: dict[Path, int]) -> list[tuple[str, int]]:
    """Each package of `src/lifesigns`, then `scripts` and `tests` as wholes."""
    totals: dict[str, int] = defaultdict(int)
    for path, count in lines.items():
        parts = path.relative_to(root).parts
        name = "/".join(parts[:3] if parts[0] == "src" else parts[:1])
        totals[name] += count
    return _sorted(totals)


def _largest(root: Path, lines: dict[Path, int]) -> list[tuple[str, int]]:
    return _sorted({str(path.relative_to(root)): n for path, n in lines.items()})[:LARGEST]


def _long_functions(root: Path, lines: dict[Path, int]) -> list[tuple[str, int]]:
    found = {
        f"{path.relative_to(root)}:{function.lineno} {function.name}": length
        for path in lines
        for function, length in _functions(path)
        if length > LONG
    }
    return _sorted(found)


def _functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """The functions of a file with their lines, from `def` to the end."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def _sorted(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


if __name__ == "__main__":
    print(report(ROOT))
