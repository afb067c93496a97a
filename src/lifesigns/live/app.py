"""The three addresses of a live page: the page, its document, its events. No file is served."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from lifesigns._errors import RunFileError
from lifesigns.live.cursor import Cursor
from lifesigns.live.door import Door
from lifesigns.live.following import Following
from lifesigns.live.guard import Guard


PAGE_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
"""What the page may load stands in the page itself, with the digests of its scripts."""


def make_app(following: Following, page: str, door: Door) -> ASGIApp:
    """The application that serves a run.

    Args:
        following: The run.
        page: What `/` answers: HTML that fetches the document.
        door: Who is let in.
    """

    async def show_page(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": PAGE_POLICY})

    async def document(request: Request) -> Response:
        try:
            text, cursor = await following.document()
        except RunFileError as error:
            return PlainTextResponse(str(error), 503)
        headers = {"lifesigns-cursor": str(cursor)}
        return Response(text, media_type="application/json", headers=headers)

    async def events(request: Request) -> Response:
        if request.method == "HEAD":  # an endless body would be made for nobody
            return Response(media_type="text/event-stream")
        place = request.headers.get("last-event-id") or request.query_params.get("after", "")
        stream = following.events(Cursor.parse(place))
        return StreamingResponse(stream, media_type="text/event-stream")

    answers: dict[str, Callable[[Request], object]] = {
        "/": show_page,
        "/document": document,
        "/events": events,
    }
    app = Starlette(routes=[Route(path, answer) for path, answer in answers.items()])
    app.router.redirect_slashes = False
    return Guard(app, door)
