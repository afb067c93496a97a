"""The texts of other languages, as data: `locale/LANGUAGE/PART/NAME.toml`.

English stands in the code, where it is written; what has no translation is shown in English. A
translator needs no Python: every file is a table of texts, with the placeholders of the English.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent


@cache
def translated(language: str, part: str, name: str) -> Mapping[str, Any] | None:
    """The texts of one thing in another language; None where nobody has written them.

    A list of texts comes as a tuple.

    Args:
        language: Code of the language, such as `zh`.
        part: What kind of thing it is: `rules`, `remedies`, `claims`, `topics` or `phrases`.
        name: Its name.

    Example:
        >>> translated("zh", "phrases", "families")["ACT"]
        '激活函数'
    """
    path = FOLDER / language / part / f"{name}.toml"
    if not path.is_file():
        return None
    texts = tomllib.loads(path.read_text(encoding="utf-8"))
    return {key: tuple(text) if isinstance(text, list) else text for key, text in texts.items()}
