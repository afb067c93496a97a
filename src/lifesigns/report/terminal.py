"""What is printed on a terminal, whatever it is: a console, labels and words in two columns, code.

Nothing is drawn that a log file could not hold: colour is the only thing a terminal adds. Every
text passes through `charset.encodable` before it is laid out, and none is read as markup.
"""

from __future__ import annotations

import codecs
import shutil
from collections.abc import Callable
from typing import IO

from rich.console import Console, ConsoleDimensions, ConsoleRenderable
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lifesigns.locale.spoken import CHINESE, said, spoken
from lifesigns.records import Severity
from lifesigns.report.charset import encodable
from lifesigns.report.wrapping import is_wide, wrapped

PLAIN_WIDTH = 80
HEIGHT = 25
WIDEST = 100
"""Longer lines are tiring to read, however wide the terminal."""
LABELS = 9
"""Width of the column of labels: that of `certainty`."""
INDENT = 2
"""Of code, against the text around it."""

Said = str | ConsoleRenderable

COLOR = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "cyan"}


def console_for(file: IO[str], *, color: bool | None = None, width: int | None = None) -> Console:
    """A console on `file`; `color` and `width` as in `Report.print`.

    Args:
        file: Any text stream.
        color: None lets the stream decide.
        width: None for the terminal's, at most `WIDEST`, or `PLAIN_WIDTH` elsewhere.
    """
    console = Console(
        file=file,
        force_terminal=color,
        no_color=None if color is None else not color,
        force_jupyter=False,
        highlight=False,
    )
    columns = min(_columns(console), WIDEST) if console.is_terminal else PLAIN_WIDTH
    console.size = ConsoleDimensions(width or columns, console.height)  # both, or a dumb one has 80
    return console


def _columns(console: Console) -> int:
    """Of a terminal; of a dumb one rich says 80, however wide it is."""
    if console.is_dumb_terminal:
        return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    return console.width


def write(console: Console, show: Callable[[], None]) -> None:
    """Writes what `show` prints at once, without trailing blanks, as the stream can carry it.

    Args:
        console: Its encoding decides which signs are escaped.
        show: Prints to the console; called once.
    """
    with console.capture() as capture:
        show()
    lines = "".join(f"{line.rstrip()}\n" for line in capture.get().rstrip("\n").split("\n"))
    encoding = encoding_of(console)
    console.file.write(lines.encode(encoding, "backslashreplace").decode(encoding))
    console.file.flush()


def rows(console: Console, *pairs: tuple[str | Text, Said]) -> Table:
    """Labels and what they say, in two columns.

    Args:
        console: Its encoding decides which signs are replaced.
        pairs: A label, and text or something that rich can show.
    """
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LABELS, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, words in pairs:
        grid.add_row(
            Text(label, "dim") if isinstance(label, str) else label,
            prose(console, words, LABELS + 2) if isinstance(words, str) else words,
        )
    return grid


def spoken_rows(console: Console, part: str, *pairs: tuple[str | Text, Said]) -> Table:
    """As `rows`, in the language of the process; a text is said line by line.

    Args:
        console: Its encoding decides which signs are replaced.
        part: The file with the translations.
        pairs: A label, and text or something that rich can show, as it is.
    """

    def say(text: Said) -> Said:
        lines = text.split("\n") if isinstance(text, str) else ()
        return "\n".join(said(line, part) for line in lines) if isinstance(text, str) else text

    labels = (said(label, part) if isinstance(label, str) else label for label, _ in pairs)
    return rows(console, *zip(labels, (say(text) for _, text in pairs), strict=True))


def behind_colon(label: str, text: str) -> str:
    """A text behind what it is about, in the language of this process.

    Args:
        label: In that language.
        text: Likewise.
    """
    return f"{label}：{text}" if spoken() == CHINESE else f"{label}: {text}"


def prose(console: Console, text: str, margin: int = 0) -> Text:
    """Words as lines: Chinese is broken here, as rich would begin lines with a full stop.

    Args:
        console: Its width and its encoding decide.
        text: Line feeds stay.
        margin: Columns to its left.
    """
    text = fitted(console, text)
    if not is_wide(text):
        return Text(text)
    width = max(console.width - margin, 8)
    return Text("\n".join(line for each in text.split("\n") for line in wrapped(each, width)))


def fitted(console: Console, text: str) -> str:
    """`text` as the console's stream can carry it.

    Args:
        console: Its encoding decides.
        text: Of any length; line feeds stay.
    """
    return encodable(text, encoding_of(console))


def indented_code(console: Console, code: str) -> Padding:
    """Python code, highlighted where there is colour.

    Args:
        console: Its encoding and colours decide.
        code: Line feeds stay, tabs become four columns; nothing is cut off.
    """
    text = Text(fitted(console, code.expandtabs(4).strip("\n")))
    if console.color_system is not None and not console.no_color:
        from rich.syntax import Syntax  # with pygments: only a terminal pays for it

        text = Syntax("", "python", theme="ansi_dark").highlight(text.plain)
        text.rstrip()
        text.no_wrap, text.overflow = False, "fold"  # nothing of it is cut off
    return Padding(text, (0, 0, 0, INDENT))


def encoding_of(console: Console) -> str:
    """The encoding of the console's stream.

    Args:
        console: On any stream.

    Returns:
        By Python's name for it: UTF-8 where the stream says none, ASCII where it says one that
        Python does not know.
    """
    name = getattr(console.file, "encoding", None) or "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"
