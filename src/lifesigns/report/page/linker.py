"""Puts ES modules into one classic script.

The scripts of a page stand in one file under a policy that allows no request, and there ES modules
cannot import one another. So each becomes a function that returns what it exports, called once, in
the order of what needs what. Only what this takes is understood, one statement a line, and anything
else is an error:

    import { a, b as c } from "./other.js";
    export const a = …            export function b() {…            export class C {…
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_NAME = r"\w+(?: as \w+)?"
_IMPORT = re.compile(
    rf'import \{{ (?P<names>{_NAME}(?:, {_NAME})*) \}} from "\./(?P<path>[\w/]+\.js)";'
)
_EXPORT = re.compile(r"export (?=(?:const|(?:async )?function|class) (?P<name>\w+))")
_STATEMENT = re.compile(r"\s*(?:import|export)\b(?!\s*[(:=.])")


class LinkError(ValueError):
    """A module says what the linker does not understand."""


def link(modules: Mapping[str, str], entry: str) -> str:
    """One script that runs the module `entry`, and before it those that it needs.

    Args:
        modules: Source by file name, such as `{"main.js": "…"}`; those that nothing needs are
            left out.
        entry: The file name of the module that is run last.

    Returns:
        A script without `import` and `export`.

    Raises:
        LinkError: A statement of another form, a module or a name that is not there, or a circle.

    Example:
        >>> modules = {"one.js": "export const one = 1;",
        ...            "main.js": 'import { one } from "./one.js";'}
        >>> print(link(modules, "main.js"))
        (() => {
        "use strict";
        const $one = (() => {
        const one = 1;
        return { one };
        })();
        const $main = (() => {
        const { one } = $one;
        return {  };
        })();
        })();
    """
    order: dict[str, str] = {}
    _place(entry, modules, order, ())
    return "\n".join(["(() => {", '"use strict";', *order.values(), "})();"])


def exports(source: str) -> Iterator[str]:
    """The names that a module exports.

    Args:
        source: Its text.
    """
    for line in source.splitlines():
        if match := _EXPORT.match(line):
            yield match["name"]


def _place(
    name: str, modules: Mapping[str, str], order: dict[str, str], above: tuple[str, ...]
) -> None:
    """Adds a module to `order`, after everything that it needs."""
    if name in above:
        raise LinkError(f"a circle: {' needs '.join([*above, name])}")
    if name not in modules:
        raise LinkError(f"{above[-1] if above else 'the page'} needs {name}, which is not there")
    if name in order:
        return
    lines = [_line(text, f"{name}:{number}", modules, order, (*above, name))
             for number, text in enumerate(modules[name].splitlines(), 1)]  # fmt: skip
    given = ", ".join(exports(modules[name]))
    order[name] = "\n".join(
        [f"const {_variable(name)} = (() => {{", *lines, f"return {{ {given} }};", "})();"]
    )


def _line(
    text: str, place: str, modules: Mapping[str, str], order: dict[str, str], above: tuple[str, ...]
) -> str:
    """A line of a module as it stands in the script."""
    if found := _IMPORT.fullmatch(text):
        _place(found["path"], modules, order, above)
        names = [name.split(" as ") for name in found["names"].split(", ")]
        missing = {name[0] for name in names} - set(exports(modules[found["path"]]))
        if missing:
            raise LinkError(
                f"{place}: {found['path']} does not export {', '.join(sorted(missing))}"
            )
        taken = ", ".join(": ".join(name) for name in names)
        return f"const {{ {taken} }} = {_variable(found['path'])};"
    if _EXPORT.match(text):
        return _EXPORT.sub("", text, count=1)
    if _STATEMENT.match(text):
        raise LinkError(f"{place}: not a form of import or export that is linked: {text.strip()}")
    return text


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))
