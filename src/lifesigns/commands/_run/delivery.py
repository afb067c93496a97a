"""Delivers the report on a script: what goes wrong here must not change how the script ended."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TypeVar

from lifesigns import _outputs
from lifesigns._errors import LifesignsError
from lifesigns.commands._run.outlet import Outlet
from lifesigns.locale.spoken import said
from lifesigns.report import Report
from lifesigns.report.github import to_github
from lifesigns.report.joined import Joined

Delivered = TypeVar("Delivered", Report, Joined)
DEPTH = 2000
"""Calls within calls that a report may need, whatever limit the script has set itself."""


@dataclass
class Delivery:
    """Where the report goes: standard error, and files if asked for."""

    json_path: Path | None
    sarif_path: Path | None
    html_path: Path | None
    stdout: Outlet
    stderr: Outlet
    prints: bool = True
    """Whether the report is printed, too."""
    annotates: Outlet | None = None
    """Where the findings follow as annotations of GitHub: not where a file is written."""

    def __call__(self, made: Callable[[], Delivered]) -> Delivered | None:
        """Makes, prints and writes the report; None if it could not be made."""
        report = None
        with _deep_enough(), self._undelivered():
            report = made()
            with self._undelivered():
                self.stderr.write(report.print if self.prints else _nothing)
                if self.prints:
                    self._annotate(to_github(report.trace, report.findings))
            with self._undelivered():
                self._write(self.json_path, report.json_text)
            with self._undelivered():
                self._write(self.sarif_path, report.sarif_text)
            with self._undelivered():
                self._write(self.html_path, report.html)
                if self.prints and self.html_path not in (None, _outputs.STDOUT):
                    self.say(said(f"the page is {self.html_path}"))
        return report

    def at(self, path: Callable[[Path], Path | None]) -> Delivery:
        """The same with other files.

        Args:
            path: Where a file is written instead; None for not at all.
        """
        return replace(
            self,
            json_path=self.json_path and path(self.json_path),
            sarif_path=self.sarif_path and path(self.sarif_path),
            html_path=self.html_path and path(self.html_path),
        )

    def say(self, text: str) -> None:
        """One line of our own on standard error, if it can be written.

        Args:
            text: Without the name of the program; failures to write it are passed over.
        """
        with contextlib.suppress(OSError, ValueError):
            self.stderr.write(lambda file: print(f"lifesigns: {text}", file=file))

    def _annotate(self, marks: str) -> None:
        """Each on a line of its own, wherever the script's last line ended."""
        outlet = self.annotates
        if _outputs.STDOUT in (self.json_path, self.sarif_path, self.html_path):
            outlet = outlet and self.stderr
        if marks and outlet is not None:
            before = "\n" if outlet is self.stdout else ""
            outlet.write(lambda file: file.write(f"{before}{marks}"))

    def _write(self, path: Path | None, text: Callable[[], str]) -> None:
        if path == _outputs.STDOUT:
            self.stdout.write(lambda file: file.write(text()))
        elif path is not None:
            _outputs.write(path, text())

    @contextlib.contextmanager
    def _undelivered(self) -> Iterator[None]:
        """Says that the report was not delivered, with a traceback if that is a bug of ours."""
        failed = said("the report could not be delivered", "errors")
        try:
            yield
        except (OSError, LifesignsError) as error:
            self.say(f"{failed}: {said(str(error), 'errors')}")
        except Exception:
            self.say(f"{failed}; {said('please report this', 'errors')}:\n{traceback.format_exc()}")


@contextlib.contextmanager
def _deep_enough() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEPTH))
    try:
        yield
    finally:
        with contextlib.suppress(RecursionError):  # the stack is deeper than the script allows
            sys.setrecursionlimit(limit)


def _nothing(file: IO[str]) -> None:
    """In place of a report that somebody else prints."""
