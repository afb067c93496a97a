"""Text as a stream can carry it: nothing that fails to encode, no control characters."""

from __future__ import annotations

import re

ASCII = {
    **dict(zip("▁▂▃▄▅▆▇█", "_.-=+*%#", strict=True)),
    **dict.fromkeys("–—−", "-"),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("“”", '"'),
    "→": "->",
    "×": "x",
    "…": "...",
    "·": "*",
    "•": "*",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "²": "^2",
    "σ": "sigma",
    "Σ": "sum",
    "³": "^3",
    "√": "sqrt",
    "∞": "inf",
    "Φ": "Phi",
    "∂": "d",
    "ᵢ": "_i",
    "÷": "/",
    "½": "1/2 ",
    "α": "alpha",
    "δ": "delta",
    "η": "eta",
    "ε": "eps",
    "ᵀ": "^T",
    "⊙": "(*)",
    "∈": "in",
    "∀": "for all ",
    "∝": "~",
    "≠": "!=",
}
"""Stand-ins for characters that lifesigns itself uses."""


def encodable(text: str, encoding: str) -> str:
    r"""`text` with stand-ins, or escapes, for what a stream of this encoding cannot carry.

    Args:
        text: Line feeds stay.
        encoding: A name that Python knows.

    Example:
        >>> encodable("2.3 → 0.1 ▆▁", "ascii")
        '2.3 -> 0.1 *_'
        >>> encodable("a bell: \a", "utf-8")
        'a bell: \\x07'
    """
    text = re.sub(r"[^\n -~]", lambda match: _fit_one(match[0], encoding), text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _fit_one(character: str, encoding: str) -> str:
    if not character.isprintable() and character != "\u00a0":
        return character.encode("unicode_escape").decode("ascii")
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return ASCII.get(character, character)
    return character
