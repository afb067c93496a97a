"""A live page that is served in a thread, and a client that speaks to it as a browser does."""

import asyncio
import contextlib
import http.client
import json
import threading
from urllib.parse import urlsplit

import run_files

from lifesigns.live.app import make_app
from lifesigns.live.door import LOOPBACK, Door, listen
from lifesigns.live.followed_run import FollowedRun
from lifesigns.live.following import Following
from lifesigns.live.server import serve
from lifesigns.records import RunInfo
from lifesigns.rules import Selection
from lifesigns.store import RunWriter

TOKEN = "a-secret-of-this-test"
PAGE = "<!doctype html><title>page</title>"


class Served:
    """Serves a run file until it is closed."""

    def __init__(self, path, *, host=LOOPBACK, token=TOKEN, selection=None):
        listener = listen(host, 0)
        self.door = Door(host, listener.getsockname()[1], token)
        self.run = FollowedRun(path, selection or Selection())
        self.is_over = False
        self._clients = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._serve, args=(listener,))
        self._thread.start()

    def _serve(self, listener):
        async def run():
            following = Following(self.run)
            app = make_app(following, PAGE, self.door)
            await serve(app, following, listener, lambda: self.is_over)

        asyncio.run(run())

    def close(self):
        self.is_over = True
        self._thread.join()
        self._clients.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def cookie(self):
        return {"Cookie": f"lifesigns-{self.door.port}={self.door.token}"}

    def ask(self, path, method="GET", headers=None):
        """Status, headers and body of an answer."""
        answer = self.open(path, method, self.cookie if headers is None else headers)
        return answer.status, answer.headers, answer.read()

    def open(self, path, method="GET", headers=None):
        connection = http.client.HTTPConnection(LOOPBACK, self.door.port, timeout=10)
        headers = dict(headers or {})
        skip = "Host" in headers
        connection.putrequest(method, path, skip_host=skip)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        self._clients.callback(connection.close)
        return self._clients.enter_context(connection.getresponse())

    def events(self, after="", **headers):
        query = f"?after={after}" if after else ""
        return events_of(self.open(f"/events{query}", headers={**self.cookie, **headers}))

    def document(self):
        """The document, and the place that it says events go on from."""
        _, headers, body = self.ask("/document")
        return json.loads(body), headers["lifesigns-cursor"]


class Event:
    def __init__(self, lines):
        fields = dict(line.split(": ", 1) for line in lines)
        self.id, self.name = fields["id"], fields["event"]
        self.data = json.loads(fields["data"])
        self.size = sum(map(len, lines))

    def __repr__(self):
        return f"<{self.id} {self.name}>"


def events_of(answer):
    """The events of a stream, as they come."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = []
    for line in iter(answer.readline, b""):
        text = line.decode().rstrip("\n")
        if text and not text.startswith(":"):
            lines.append(text)
        elif lines:
            yield Event(lines)
            lines = []


def until(events, name, condition=lambda data: True):
    """The next event of a kind, and those before it."""
    seen = []
    for event in events:
        seen.append(event)
        if event.name == name and condition(event.data):
            return event, seen
    raise AssertionError(f"the stream ended without {name}: {seen}")


@contextlib.contextmanager
def growing_run(path, steps=3, started="2026-11-28T12:00:00+00:00"):
    with RunWriter(path, RunInfo("train.py", started)) as writer:
        for step in range(steps):
            writer.append(run_files.example(step))
        yield writer


def address_of(text):
    return next(urlsplit(word) for word in text.split() if word.startswith("http://"))
