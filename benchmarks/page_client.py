"""Open pages, without a browser: one process that reads the events of a live page several times.

    python benchmarks/page_client.py ADDRESS

A line `open N` on standard input opens N pages, `close` closes all. Of each event that the first
page is told, a line is printed: its kind, when it came, how many bytes it took, and its data. The
pages of `open N silently` print none: whoever asks has no line to read.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit


class Pages:
    """Pages of one server."""

    def __init__(self, address: str) -> None:
        self._place = urlsplit(address)
        self._cookie: dict[str, str] = {}
        answer = self._ask(f"/?{self._place.query}")
        self._cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        self._open: list[http.client.HTTPResponse] = []

    def open(self, count: int, is_told: bool = True) -> None:
        for number in range(count):
            document = self._ask("/document")
            document.read()
            stream = self._ask(f"/events?after={document.headers['lifesigns-cursor']}")
            self._open.append(stream)
            threading.Thread(
                target=_listen, args=(stream, is_told and number == 0), daemon=True
            ).start()

    def close(self) -> None:
        for stream in self._open:
            with suppress(OSError, AttributeError):
                stream.fp.raw._sock.shutdown(2)  # the one way to wake who reads it
        self._open.clear()

    def _ask(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._place.hostname or "", self._place.port)
        connection.request("GET", path, headers=self._cookie)
        return connection.getresponse()


def _listen(stream: http.client.HTTPResponse, is_told: bool) -> None:
    with suppress(OSError, ValueError, http.client.HTTPException):
        for kind, size, data in _events(stream):
            if is_told:
                say(event=kind, time=time.time(), bytes=size, data=data)


def _events(stream: http.client.HTTPResponse) -> Iterator[tuple[str, int, object]]:
    fields: dict[str, str] = {}
    size = 0
    for line in iter(stream.readline, b""):
        size += len(line)
        name, _, value = line.decode().strip().partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            data = json.loads(fields["data"])
            kept = {key: data[key] for key in ("number", "step", "status") if key in data}
            if "report" in data:
                kept["rules"] = [finding["rule"] for finding in data["report"]["findings"]]
            yield fields["event"], size, kept
            fields, size = {}, 0


def say(**values: object) -> None:
    """One line at once: several threads speak."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    pages = Pages(sys.argv[1])
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "open":
            pages.open(int(rest[0]), is_told=rest[1:] != ["silently"])
        else:
            pages.close()
        say(event="done")


if __name__ == "__main__":
    main()
