"""The playground's modules as two scripts: the engine, which a worker runs, and the page.

Modules import one another by their true relative paths, so that editors and Node find them. The
linker knows one folder only; here each import is written from the root of the package.
"""

from __future__ import annotations

import functools
import posixpath
import re
from importlib import resources

from lifesigns._errors import extra
from lifesigns.report.page.linker import link

FOLDERS = ("play/page", "report/page/browser")
ENGINE, PAGE = "play/page/worker.js", "play/page/main.js"
"""What runs in a worker, and what draws the page."""
_FROM = re.compile(r'^(import \{[^}]*\} from )"(\.{1,2}/[\w/.]+\.js)";$', re.M)


@functools.cache
def scripts() -> tuple[str, str]:
    """The engine's script, which a worker runs, and the page's."""
    with extra("lab"):
        from lifesigns.play.modules import modules
    engine = {f"play/engine/{name}": text for name, text in modules().items()}
    found = engine | {name: text for folder in FOLDERS for name, text in _modules(folder)}
    found = {name: rooted(name, text) for name, text in found.items()}
    return uncommented(link(found, ENGINE)), slim(link(found, PAGE))


def slim(script: str) -> str:
    r"""A script without its lines of comment, and without indentation.

    Args:
        script: One statement a line, and no text of several lines in which a space counts.

    Example:
        >>> print(slim("function f() {\n  // why\n  return 1;\n}"))
        function f() {
        return 1;
        }
    """
    return "\n".join(line.strip() for line in uncommented(script).splitlines())


def uncommented(script: str) -> str:
    """A script without its lines of comment.

    Args:
        script: In which a comment has lines of its own.
    """
    told = re.sub(r"^\s*/\*\*.*?\*/\s*$", "", script, flags=re.S | re.M)
    lines = (line for line in told.splitlines() if not line.lstrip().startswith("//"))
    return "\n".join(line for line in lines if line)


def rooted(name: str, source: str) -> str:
    """A module whose imports are written from the root.

    Args:
        name: Where it stands, such as `play/page/main.js`.
        source: Its text.

    Example:
        >>> rooted("play/page/main.js", 'import { a } from "../engine/a.js";')
        'import { a } from "./play/engine/a.js";'
    """
    here = posixpath.dirname(name)

    def found(match: re.Match[str]) -> str:
        return f'{match[1]}"./{posixpath.normpath(posixpath.join(here, match[2]))}";'

    return _FROM.sub(found, source)


def own_style() -> str:
    """The playground's own style sheet."""
    return dict(_modules("play/page", ".css"))["play/page/play.css"]


def _modules(folder: str, ending: str = ".js") -> list[tuple[str, str]]:
    place = resources.files("lifesigns").joinpath(*folder.split("/"))
    files = [file for file in place.iterdir() if file.name.endswith(ending)]
    return [(f"{folder}/{file.name}", file.read_text(encoding="utf-8")) for file in files]
