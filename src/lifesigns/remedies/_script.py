"""A script as text and tree: the tree finds places, the text alone is changed there.

LibCST says where each node begins and ends, in bytes. Changes replace such a range or insert whole
lines, so everything else stays as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeVar

from lifesigns._errors import extra
from lifesigns.remedies._place import NOWHERE, Places
from lifesigns.remedies._refusal import Refused

with extra("prove"):
    import libcst as cst
    from libcst import metadata

__all__ = ["Change", "Script", "argument", "cst", "one", "receiver_of"]

Node = TypeVar("Node", bound=cst.CSTNode)


@dataclass(frozen=True, order=True)
class Change:
    """The bytes from `start` to `end` become `text`."""

    start: int
    end: int
    text: str


class Script:
    """The parsed source of one file.

    Args:
        source: Its text.

    Raises:
        Refused: It is not Python that parses.
    """

    def __init__(self, source: str) -> None:
        try:
            wrapper = metadata.MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        except cst.ParserSyntaxError as error:
            raise Refused("the source does not parse") from error
        self.tree = wrapper.module
        self._bytes = source.encode()
        self.places: Places = NOWHERE
        self._ran: Sequence[frozenset[int]] = ()
        self._below: dict[cst.CSTNode, list[cst.CSTNode]] = {}
        self._kinds: dict[tuple[cst.CSTNode, type[cst.CSTNode]], list[Any]] = {}
        self._spans = wrapper.resolve(metadata.ByteSpanPositionProvider)
        self._lines = wrapper.resolve(metadata.PositionProvider)
        self._parents = wrapper.resolve(metadata.ParentNodeProvider)
        self._names = wrapper.resolve(metadata.QualifiedNameProvider)

    def seen(self, places: Places, ran: Sequence[frozenset[int]]) -> Script:
        """The same script, of which it is known what stands where, and which lines ran."""
        other = copy(self)
        other.places, other._ran = places, ran
        return other

    def narrowed(self, nodes: Sequence[Node]) -> Sequence[Node]:
        """Those of several nodes that ran, as far as is known; all if none of them did."""
        for lines in self._ran:
            if len(nodes) > 1:
                nodes = [node for node in nodes if self._has_run(node, lines)] or nodes
        return nodes

    def _has_run(self, node: cst.CSTNode, lines: frozenset[int]) -> bool:
        span = self._lines[node]
        return any(line in lines for line in range(span.start.line, span.end.line + 1))

    # --- what a node is ---------------------------------------------------------------------------
    def text(self, node: cst.CSTNode) -> str:
        """The node as it is written."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Its first byte, and the one behind its last."""
        span = self._spans[node]
        return span.start, span.start + span.length

    def times(self, node: cst.CSTNode, factor: float) -> str:
        """The node multiplied by a factor, as code; itself if it is such a product already."""
        text, end = self.text(node), f" * {factor:g}"
        if text.endswith(end):
            return text
        atoms = cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.Integer | cst.Float
        return (text if isinstance(node, atoms) else f"({text})") + end

    def line(self, node: cst.CSTNode) -> int:
        """The line it begins in, counted from 1."""
        return int(self._lines[node].start.line)

    def column(self, node: cst.CSTNode) -> int:
        """Where it begins in its line, counted from 0."""
        return int(self._lines[node].start.column)

    def name(self, node: cst.CSTNode) -> str:
        """What a name or the function of a call refers to, e.g. `torch.nn.ReLU`; or ``."""
        asked = root = node.func if isinstance(node, cst.Call) else node
        while isinstance(root, cst.Attribute):
            root = root.value
        if isinstance(root, cst.Call):  # LibCST takes `torch.bmm(a, b).exp` for `torch.bmm.exp`
            return ""
        names = self._names.get(asked, ())
        found = {each.name for each in (names() if callable(names) else names)}  # LibCST is lazy
        return found.pop() if len(found) == 1 else ""

    def around(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What holds a node, innermost first."""
        while (parent := self._parents.get(node)) is not None:
            node = parent
            yield node

    def within(self, node: cst.CSTNode, kind: type[Node]) -> Node | None:
        """The innermost node of a kind that holds a node."""
        return next((each for each in self.around(node) if isinstance(each, kind)), None)

    def of_kind(self, kind: type[Node], root: cst.CSTNode | None = None) -> list[Node]:
        """Every node of a kind under `root`, as they are written, inner ones first."""
        key = (root or self.tree, kind)
        if key not in self._kinds:
            self._kinds[key] = [node for node in self._all(key[0]) if isinstance(node, kind)]
        return list(self._kinds[key])

    def _all(self, root: cst.CSTNode) -> list[cst.CSTNode]:
        if root not in self._below:
            found = [node for node in _nodes(root) if node in self._spans]
            self._below[root] = sorted(found, key=lambda node: self.span(node)[1])
        return self._below[root]

    def calls(
        self, wanted: Callable[[cst.Call], bool], root: cst.CSTNode | None = None
    ) -> list[cst.Call]:
        """The calls under `root` that are wanted, in the order in which they are made."""
        return [call for call in self.of_kind(cst.Call, root) if wanted(call)]

    def calls_to(self, *names: str, root: cst.CSTNode | None = None) -> list[cst.Call]:
        """The calls of functions by their full names, e.g. `torch.nn.ReLU`."""
        return self.calls(lambda call: self.name(call) in names, root)

    def method_calls(self, method: str, root: cst.CSTNode | None = None) -> list[cst.Call]:
        """The calls `….method(…)`."""

        def is_one(call: cst.Call) -> bool:
            return isinstance(call.func, cst.Attribute) and call.func.attr.value == method

        return self.calls(is_one, root)

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine:
        """The line of its own that a node stands in.

        Raises:
            Refused: It shares its line with a colon or is no part of a simple statement.
        """
        if isinstance(node, cst.SimpleStatementLine):
            return node
        found = self.within(node, cst.SimpleStatementLine)
        if found is None:
            raise Refused(f"line {self.line(node)} cannot take another statement beside it")
        return found

    # --- changes ----------------------------------------------------------------------------------
    def replaced(self, node: cst.CSTNode, text: str) -> Change:
        """Writes `text` in place of a node."""
        return Change(*self.span(node), text)

    def lines_before(self, node: cst.CSTNode, *lines: str) -> list[Change]:
        """Writes lines before the statement of a node; none if just these are there."""
        compound = isinstance(node, cst.BaseCompoundStatement)
        start, _ = self.span(node if compound else self.statement(node))
        begin = self._bytes.rfind(b"\n", 0, start) + 1
        block = self._block(self._bytes[begin:start], lines)
        above, below = self._bytes[:begin], self._bytes[begin:]
        there = above.endswith(block.encode()) or below.startswith(block.encode())
        return [] if there else [Change(begin, begin, block)]

    def lines_after(self, node: cst.CSTNode, *lines: str) -> list[Change]:
        """Writes lines behind the statement of a node; none if just these are there."""
        start, end = self.span(self.statement(node))
        begin = self._bytes.rfind(b"\n", 0, start) + 1
        block = self._block(self._bytes[begin:start], lines)
        stop = self._bytes.find(b"\n", end) + 1
        if not stop:
            stop, block = len(self._bytes), self.tree.default_newline + block
        there = self._bytes[stop:].startswith(block.rstrip("\r\n").encode())
        return [] if there else [Change(stop, stop, block)]

    def line_dropped(self, node: cst.CSTNode) -> Change:
        """Leaves out the statement of a node, with its line.

        Raises:
            Refused: It is not alone in its line, or alone in its block.
        """
        statement = self.statement(node)
        block = getattr(next(self.around(statement)), "body", ())
        if len(statement.body) > 1 or len(block) == 1:
            raise Refused(f"line {self.line(node)} cannot be left out by itself")
        start, end = self.span(statement)
        begin = self._bytes.rfind(b"\n", 0, start) + 1
        stop = self._bytes.find(b"\n", end) + 1
        return Change(begin, stop or len(self._bytes), "")

    def keyword(self, call: cst.Call, keyword: str, value: str, position: int = -1) -> list[Change]:
        """Gives a keyword argument of a call this value; nothing if it has it.

        Args:
            call: Any call.
            keyword: Added at the end if the call does not have it.
            value: As it is to be written.
            position: Where the argument stands if it comes without its keyword.
        """
        if any(arg.star == "**" for arg in call.args):
            raise Refused(f"line {self.line(call)} unpacks settings that may hold {keyword}")
        there = argument(call, keyword, position)
        if there is not None:
            same = self.text(there.value) == value
            return [] if same else [self.replaced(there.value, value)]
        if not call.args:
            end = self.span(call)[1] - 1
            return [Change(end, end, f"{keyword}={value}")]
        end = self.span(call.args[-1].value)[1]
        return [Change(end, end, f", {keyword}={value}")]

    def _block(self, indent: bytes, lines: Sequence[str]) -> str:
        if indent.strip():
            raise Refused("several statements stand in one line")
        newline = self.tree.default_newline
        return "".join(f"{indent.decode()}{line}{newline}" for line in lines)

    def changed(self, changes: Iterable[Change]) -> str:
        """The source with changes made.

        Args:
            changes: In any order; those at the same place are made once.

        Raises:
            Refused: Two of them overlap, or what they make does not parse.
        """
        made, end, parts = sorted(set(changes)), 0, list[bytes]()
        for change in made:
            if change.start < end:
                raise Refused("two changes would overlap")
            parts += [self._bytes[end : change.start], change.text.encode()]
            end = change.end
        return _parsed(b"".join([*parts, self._bytes[end:]]).decode())

    # --- names ------------------------------------------------------------------------------------
    def spelled(self, full: str) -> str:
        """How this script can write a full name such as `torch.nn.ReLU`, by its own imports.

        Raises:
            Refused: It imports nothing that leads there.
        """
        best = ""
        for alias, target in self._imports():
            if (full + ".").startswith(target + "."):
                spelling = alias + full[len(target) :]
                best = min(best or spelling, spelling, key=len)
        if not best:
            raise Refused(f"the script does not import {full.rpartition('.')[0]}")
        return best

    def _imports(self) -> Iterator[tuple[str, str]]:
        """Names at the top of the script, and what they stand for."""
        for line in self.tree.body:
            for node in line.body if isinstance(line, cst.SimpleStatementLine) else ():
                if isinstance(node, cst.Import):
                    yield from map(_imported, node.names)
                elif isinstance(node, cst.ImportFrom) and not isinstance(
                    node.names, cst.ImportStar
                ):
                    module = _dotted(node.module)
                    for each in node.names:
                        alias, target = _imported(each)
                        yield alias, f"{module}.{target}"


def _parsed(source: str) -> str:
    try:
        cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        raise Refused("the source would not parse any more") from error
    return source


def one(found: Sequence[Node], what: str, script: Script | None = None) -> Node:
    """The only one of several, or the only one of them that ran.

    Raises:
        Refused: There is none, or there are several.
    """
    if script is not None:
        found = script.narrowed(found)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refused(f"no {what} was found in the source")
    lines = sorted({script.line(each) for each in found}) if script else []
    where = f" (lines {', '.join(map(str, lines))})" if lines else ""
    raise Refused(f"{len(found)} places could be the {what}{where}")


def argument(call: cst.Call, keyword: str, position: int = -1) -> cst.Arg | None:
    """The argument of a call by its keyword, or by its position."""
    for index, arg in enumerate(call.args):
        if arg.keyword is not None and arg.keyword.value == keyword:
            return arg
        if arg.keyword is None and not arg.star and index == position:
            return arg
    return None


def receiver_of(node: cst.CSTNode, method: str) -> cst.BaseExpression | None:
    """What stands before `.method(…)`; None for any other expression."""
    function = node.func if isinstance(node, cst.Call) else None
    if not isinstance(function, cst.Attribute) or function.attr.value != method:
        return None
    return function.value


def _nodes(root: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield root
    for child in root.children:
        yield from _nodes(child)


def _imported(alias: cst.ImportAlias) -> tuple[str, str]:
    """The name in this script, and the one it stands for; `import a.b` binds `a`."""
    full = _dotted(alias.name)
    if alias.asname is None:
        return full, full
    return _dotted(alias.asname.name), full


def _dotted(node: cst.CSTNode | None) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""
