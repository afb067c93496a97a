"""The languages of pages, and whether a terminal can show one."""

from __future__ import annotations

import re
from enum import Enum

from rich.console import Console

from lifesigns._errors import UsageError
from lifesigns.report.terminal import encoding_of
from lifesigns.report.wrapping import WIDE


class Language(str, Enum):
    """In which a page is written."""

    ENGLISH = "en"
    CHINESE = "zh"

    @property
    def own_name(self) -> str:
        """What its readers call it."""
        return {Language.ENGLISH: "English", Language.CHINESE: "中文"}[self]


def require_shown(console: Console, text: str, otherwise: str) -> None:
    """Makes sure that the console can show the Chinese in `text`.

    Args:
        console: Its encoding is asked.
        text: All that will be printed, or enough of it; signs that are not Chinese do not matter.
        otherwise: Goes on after "or" in the message.

    Raises:
        UsageError: It cannot; `otherwise` is what else its user can do.
    """
    encoding = encoding_of(console)
    try:
        "".join(re.findall(f"[{WIDE}]", text)).encode(encoding)
    except UnicodeEncodeError:
        raise UsageError(
            f"A terminal with the encoding {encoding} cannot show Chinese. Set "
            f"PYTHONIOENCODING=utf-8, or {otherwise}."
        ) from None
