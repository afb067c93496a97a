"""A module whose name begins with an underscore is its own package's affair."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"


def imported(path):
    """Dotted names of everything a file imports, names taken from modules included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def owner_of_private(name):
    """The package that a private module lies in; None if no part of the path is private."""
    parts = name.split(".")
    private = (i for i, part in enumerate(parts) if part.startswith("_") and part[1:2] != "_")
    return next((".".join(parts[:i]) for i in private), None)


def intrusions(path, package):
    """What a file of `package` imports from private modules of packages it does not lie in."""
    for name in imported(path):
        owner = owner_of_private(name) if name.startswith("lifesigns.") else None
        if owner is not None and not f"{package}.".startswith(f"{owner}."):
            yield f"{path.relative_to(ROOT)}: {name}"


def test_no_package_imports_a_private_module_of_another():
    found = [
        intrusion
        for path in sorted(SOURCES.rglob("*.py"))
        for intrusion in intrusions(path, ".".join(path.relative_to(SOURCES).parent.parts))
    ]

    assert found == []


def test_an_intrusion_is_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "guest.py"
    file.write_text("from lifesigns.rules._engine import judge\nimport lifesigns._errors\n")

    assert list(intrusions(file, "lifesigns.report")) == ["guest.py: lifesigns.rules._engine.judge"]
    assert list(intrusions(file, "lifesigns.rules.loss")) == []
