"""English prose in a text that should be Chinese; and the texts that stand in our own source."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import lifesigns

SOURCE = Path(lifesigns.__file__).parent
CODE = re.compile(
    r"`[^`]*`|https?://\S+|lifesigns( --?[\w-]+| [a-z]+)( \S+)*|pip install \S+|apt install \S+"
    r"|python -m|[\w.]+\([^()]*\)|--?[a-z][\w-]*( step)?|\w+[./_\-=]\S*"
)
"""What stands in code, as a command or as a name with a sign in it."""
CITED = re.compile(
    r"[A-Z][\w.'’]+(( |, | & )[A-Z][\w.'’]+)*( et al\.| and [A-Z]\w+)?,?[（( ]+\d{4}[^。；]*"
)
PROSE = re.compile(r"\b[a-z]{2,} [a-z]{2,}\b")
WORDS = re.compile(
    r"\b(the|of|and|is|are|was|were|with|for|from|that|this|which|not|has|have|its|than|where|when|"
    r"what|each|all|no|one|two|by|at|on|in|to|or|as|it|nothing|every|some|more|less|value|values|"
    r"units|steps|step|loss|layer|layers|weight|weights|gradient|rate)\b"
)
ALLOWED = re.compile(
    r"Holm p|batch norm|relu / tanh|zero point|Deep Learning.*|Neural Networks.*|Efficient BackProp"
    r"|one-hot|of torch"
)
"""Names of books, and words that Chinese texts use as they are."""


class ChinesePart(HTMLParser):
    """The text of the Chinese article of a page, without code."""

    def __init__(self, html):
        super().__init__()
        self.texts, self._is_in, self._code = [], False, 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "article":
            self._is_in = ("lang", "zh") in attributes
        self._code += tag in ("code", "pre", "style", "script")

    def handle_endtag(self, tag):
        self._code -= tag in ("code", "pre", "style", "script")

    def handle_data(self, data):
        if self._is_in and not self._code and data.strip():
            self.texts.append(data)


def english(text):
    """English prose that is left in a text, or an empty string."""
    for known in (CITED, CODE, ALLOWED):
        text = known.sub(" ", text)
    found = PROSE.search(text) or WORDS.search(text)
    return found[0] if found else ""


def texts_in(path, is_text):
    """Literals of a module that `is_text(call, place)` picks among the arguments of its calls.

    A place of an f-string is filled with 7; `place` is a number or the name of the argument.
    """
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call):
            named = [(word.arg, word.value) for word in call.keywords]
            for place, value in [*enumerate(call.args), *named]:
                if is_text(called(call), place) and (text := literal(value)):
                    yield text


def called(call):
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def literal(node):
    """The text of a literal, of an f-string with 7 in its places, or of several added up."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "7" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = literal(node.left), literal(node.right)
        return left + right if left and right else ""
    return ""
