"""The language in which this process speaks, and how each text is said in it.

One is chosen by `--lang`, else by the locale. What has no translation is said in English, and so is
everything where the terminal has no Chinese.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from lifesigns.locale.templates import in_words

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Of the environment; the first one that is set decides. Source: POSIX, Locale."""
SAMPLE = "中文，。"
_chosen: list[tuple[str, str]] = []
"""The languages that were chosen, spoken and asked for; the last ones count."""


def said(text: str, part: str = "commands", folder: str = "phrases") -> str:
    """A text in the language of this process, or as it is.

    Args:
        text: English.
        part: The file with its translation.
        folder: Of that file.

    Example:
        >>> with speaking("zh"):
        ...     print(said("3 steps", "verdict"))
        3 步
    """
    return said_in(spoken(), text, part, folder)


def said_in(language: str, text: str, part: str = "commands", folder: str = "phrases") -> str:
    """A text in a language, or as it is.

    Args:
        language: A code; English leaves the text as it is.
        text: English; blanks around it stay.
        part: The file with its translation.
        folder: Of that file.
    """
    words = text.strip()
    if language == ENGLISH or not words:
        return text
    other = in_words(language, (folder, part), words)
    return text if other is None else text.replace(words, other)


def spoken() -> str:
    """The code of the language in which this process speaks."""
    return _chosen[-1][0] if _chosen else of_locale(os.environ)


def asked() -> str:
    """The code of the language that was asked for, in which files are written."""
    return _chosen[-1][1] if _chosen else of_locale(os.environ)


def of_locale(environment: Mapping[str, str]) -> str:
    """The language of a locale, as POSIX finds it; English where we have no other.

    Args:
        environment: Of the process.

    Example:
        >>> of_locale({"LANG": "zh_CN.UTF-8"}), of_locale({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"})
        ('zh', 'en')
    """
    name = next((environment[key] for key in VARIABLES if environment.get(key)), "")
    return CHINESE if name.partition("_")[0].partition(".")[0].lower() == CHINESE else ENGLISH


def choose(language: str, asked: str = "") -> None:
    """The innermost `speaking` goes on in another language.

    Args:
        language: A code of `LANGUAGES`.
        asked: The one that files are written in; empty for the same.
    """
    _chosen[-1:] = [(language, asked or language)]


@contextmanager
def speaking(language: str, asked: str = "") -> Iterator[None]:
    """Speaks so inside.

    Args:
        language: A code of `LANGUAGES`.
        asked: The one that files are written in; empty for the same.
    """
    before = tuple(_chosen)
    _chosen.append((language, asked or language))
    try:
        yield
    finally:
        _chosen[:] = before


def why_not_shown(stream: IO[str], environment: Mapping[str, str]) -> str:
    """Why Chinese cannot be read there; empty if it can, as far as this can be known.

    Args:
        stream: Its encoding is asked.
        environment: Tells a terminal whose font has no Chinese: that of the Linux kernel.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        SAMPLE.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return f"the encoding {encoding} has no Chinese; PYTHONIOENCODING=utf-8 may help"
    if environment.get("TERM") == "linux" and stream.isatty():
        return "the console of the Linux kernel has no Chinese font; another terminal has"
    return ""


def shown_in(language: str) -> tuple[str, str]:
    """The language in which a terminal shows what is said in this one.

    Args:
        language: Asked for.

    Returns:
        Its code, and why it is another one, or an empty text.
    """
    if language != CHINESE:
        return language, ""
    streams = (stream for stream in (sys.stdout, sys.stderr) if stream is not None)
    reasons = [reason for each in streams if (reason := why_not_shown(each, os.environ))]
    return (ENGLISH, reasons[0]) if reasons else (language, "")
