"""The texts of the command line itself, in the language of its reader and for any width.

typer makes them in English. Here they are said in the language that was chosen, line by line where
it writes them, so that `cli` holds each text once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

import typer

from lifesigns.locale.spoken import (
    CHINESE,
    ENGLISH,
    LANGUAGES,
    choose,
    of_locale,
    said,
    shown_in,
    speaking,
    spoken,
    why_not_shown,
)

WIDEST, NARROWEST = 80, 24
"""Columns of a line of help, whatever the terminal has."""
EXTRA = re.compile(r"(?P<help>.*?)\s*(?P<more>(\[[^\]]*\]\s*)*)", re.DOTALL)
"""What stands behind the help of an option: its default, whether it is required."""
WELCOME = (
    ("", "lifesigns tells whether a PyTorch network can learn, shows the evidence, and proves the "
     "fix. Three commands matter:"),
    ("lifesigns run train.py", "Your script trains as it always does, and a report says what keeps "
     "it from learning, where, and what to do."),
    ("lifesigns explain dead-units", "What a finding means, how it is proved, and when to ignore "
     "it."),
    ("lifesigns prove train.py", "Trains with the remedy and without it, says whether it is "
     "proved, and prints the patch."),
    ("", "No script at hand? lifesigns demo trains seven small networks. All commands: lifesigns "
     "--help"),
)  # fmt: skip
"""A command, and what comes of it."""
HINTS = {ENGLISH: "中文：lifesigns --lang zh", CHINESE: "English: lifesigns --lang en"}
"""By the language that is spoken: how to have the other one."""

ALWAYS = "一直用中文：export LC_MESSAGES=zh_CN.UTF-8"
"""So that whoever asked for Chinese need not again: commands named on a page have no `--lang`."""

_Mistake: Any = typer.BadParameter.__mro__[2]  # click's own class; typer brings a click along


def in_its_language() -> AbstractContextManager[None]:
    """Inside, the process speaks the language of the locale, where the terminal can show it."""
    wanted = of_locale(os.environ)
    return speaking(shown_in(wanted)[0], wanted)


def chosen(language: str | None) -> str | None:
    """Takes the value of `--lang`; called by typer before other options are looked at.

    Args:
        language: None leaves the choice to the locale.

    Raises:
        typer.BadParameter: There is no such language.
    """
    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"{language!r} is not one of {', '.join(LANGUAGES)}.")
    if language is not None:
        choose(_told(language), language)
    return language


def tell(words: Sequence[str]) -> None:
    """Says so where the terminal cannot show the language of the locale.

    Args:
        words: Of the command; one that has `--lang` tells it then.
    """
    if "--lang" not in words:
        _told(of_locale(os.environ))


def _told(language: str) -> str:
    shown, reason = shown_in(language)
    if reason and sys.stderr is not None:
        print(f"lifesigns: English is shown: {reason}.", file=sys.stderr, flush=True)
    return shown


def command_of(app: typer.Typer) -> Any:
    """The command of `app`: each of its commands takes `--lang`, and its help can be translated.

    Args:
        app: Its callback has the option `--lang`, which the others get from there.
    """
    whole: Any = typer.main.get_command(app)
    (lang,) = (parameter for parameter in whole.params if parameter.name == "lang")
    for command in whole.commands.values():
        command.params.append(lang)
        command.short_help = command.help
    for command in (whole, *whole.commands.values()):
        command.context_class = _in_words(command.context_class)
    return whole


def welcome() -> None:
    """Prints the commands that matter, each with what comes of it."""
    hints = [] if why_not_shown(sys.stdout, {}) else [("", HINTS[spoken()])]
    if spoken() == CHINESE != of_locale(os.environ):
        hints.insert(0, ("", ALWAYS))
    for command, comes_of_it in (*WELCOME, *hints):
        text = said(comes_of_it, "help")
        print("\n".join([*([f"  {command}"] if command else []), *_wrapped(text, command)]))
        print()


def refuse(error: BaseException) -> NoReturn:
    """Ends the process with what is wrong with the command; any other error is raised again.

    Args:
        error: Raised while a command was called.
    """
    if not isinstance(error, _Mistake):
        raise error
    asked = _asked(sys.argv)
    if asked in LANGUAGES:  # a mistake may be found before the option is looked at
        choose(shown_in(asked)[0])
    context, message = getattr(error, "ctx", None), said(error.format_message(), "help")
    if context is not None:
        hint = said(f"Try '{context.command_path} --help' for help.", "help")
        print(context.get_usage(), hint, "", sep="\n", file=sys.stderr)
    print(_beside(said("Error:", "help"), message), file=sys.stderr, flush=True)
    sys.exit(error.exit_code)


def _asked(words: Sequence[str]) -> str:
    """The value of the last `--lang`; empty for none."""
    pairs = zip(words, (*words[1:], ""), strict=True)
    values = [after if word == "--lang" else word[7:] for word, after in pairs
              if word == "--lang" or word.startswith("--lang=")]  # fmt: skip
    return values[-1] if values else ""


def _beside(label: str, text: str) -> str:
    """Behind a colon of Chinese type stands no space."""
    return f"{label}{text}" if label.endswith("：") else f"{label} {text}"


def _in_words(context_class: Any) -> Any:
    class Formatter(context_class.formatter_class):  # type: ignore[misc]
        """Says each text in the language of the reader."""

        def __init__(self, **_: Any) -> None:
            super().__init__(width=_width())

        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, prefix or _beside(said("Usage:", "help"), ""))

        def write_heading(self, heading: str) -> None:
            if spoken() != CHINESE:
                super().write_heading(heading)
                return
            self.write(f"{said(heading, 'help')}：\n")

        def write_text(self, text: str) -> None:
            other = said(" ".join(text.split()), "help")
            if spoken() != CHINESE:
                super().write_text(text)
                return
            self.write("".join(f"  {line}\n" for line in _lines(other, self.width - 2)))

        def write_dl(self, rows: Sequence[tuple[str, str]], *_: Any, **__: Any) -> None:
            _write_rows(self, [(name, _translated(text)) for name, text in rows])

    class Context(context_class):  # type: ignore[misc]
        """Of a command whose help can be translated."""

        formatter_class = Formatter

    return Context


def _translated(text: str) -> str:
    """The help of an option, and what stands behind it in brackets."""
    parts = EXTRA.fullmatch(text)
    if parts is None or spoken() != CHINESE:
        return text
    help_ = said(" ".join(parts["help"].split()), "help")
    extras = [
        said(each, "help") for each in re.split(r"[\[\];]+\s*", parts["more"]) if each.strip()
    ]
    return " ".join([help_, *(f"[{each}]" for each in extras)]).strip()


def _write_rows(formatter: Any, rows: Iterable[tuple[str, str]]) -> None:
    """Names and texts side by side; a name that is too long for its column stands above."""
    room = max(12, min(30, formatter.width // 3))
    rows = list(rows)
    column = min(max((len(name) for name, _ in rows), default=0), room) + 2
    for name, text in rows:
        lines = _lines(text, formatter.width - 2 - column)
        first = f"  {name:<{column}}" if len(name) <= room else f"  {name}\n{'':{column + 2}}"
        rest = f"\n{'':{column + 2}}".join(lines)
        formatter.write(f"{first}{rest}".rstrip() + "\n")


def _width() -> int:
    return max(min(shutil.get_terminal_size().columns, WIDEST), NARROWEST) - 2


def _wrapped(text: str, command: str) -> list[str]:
    indent = "      " if command else ""
    return [indent + line for line in _lines(text, _width() - len(indent))]


def _lines(text: str, width: int) -> list[str]:
    from lifesigns.report.wrapping import wrapped

    return wrapped(text, width)
