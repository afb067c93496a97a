"""`lifesigns play`: the playground, written as one file and opened."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

from lifesigns import _outputs
from lifesigns._errors import UsageError
from lifesigns._files import why_unreadable
from lifesigns.locale.spoken import said
from lifesigns.play.file import play_html
from lifesigns.play.own_table import MOST_SIGNS, problem

MOST_BYTES = 4 * MOST_SIGNS
"""Of a table; a sign has four bytes at most."""


def play(
    output: Path,
    *,
    lesson: str | None = None,
    data: Path | None = None,
    lang: str | None = None,
    opened: bool = True,
) -> int:
    """Writes the playground, the whole file or nothing, and opens it in a browser.

    Args:
        output: An earlier playground there is replaced; `-` is standard output, and not opened.
        lesson: The lesson that it begins with; None: the free playground.
        data: A CSV file that is put in as the user's own data.
        lang: `en` or `zh`; None: the language of the browser.
        opened: Whether to open it.

    Returns:
        The exit code, 0.

    Raises:
        UsageError: There is no such lesson, `data` is no table to learn from or given beside a
            lesson, or `output` no place for a page.
        LifesignsError: It cannot be written there; what was there before is untouched.
    """
    if lesson is not None and data is not None:
        raise UsageError("A lesson has data of its own: give --lesson or --data.")
    is_file = output != _outputs.STDOUT
    if is_file:
        _outputs.report_file(output)
    _outputs.check_distinct((output,), inputs=() if data is None else (data,))
    _outputs.write(output, play_html(lesson=lesson, lang=lang, csv=_own(data)))
    if is_file:
        print(said(f"The playground is in {output}."), file=sys.stderr)
    if is_file and opened:
        webbrowser.open(output.absolute().as_uri())
    return 0


def _own(path: Path | None) -> tuple[str, str] | None:
    """Name and text of the user's table."""
    if path is None:
        return None
    reason = why_unreadable(path)
    if reason:
        raise UsageError(f"--data {path} {reason}; a CSV file is expected.")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig", errors="ignore" if len(data) > MOST_BYTES else "strict")
    except OSError as error:
        raise UsageError(f"--data {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(
            f"--data {path} is not text in UTF-8: save it as CSV, UTF-8, and try again."
        ) from None
    found = problem(text)
    if found:
        raise UsageError(f"--data {path}: {found}")
    return path.name, text
