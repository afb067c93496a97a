"""Who may ask for what: everything is refused but a reading request from the page itself.

A server on the loopback address is within reach of every program of this machine and of every page
in its browser: by a request to 127.0.0.1 (another origin), or under a name of its own that leads
there (DNS rebinding; MLflow, CVE-2025-14279). So each request has to name this machine, must not
come from another site, and carries a secret. The list of methods is one of those that are allowed:
Ray's dashboard listed the others, and forgot DELETE (CVE-2026-27482).
"""

from __future__ import annotations

import hmac
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lifesigns.live.door import Door, is_address, is_loopback

METHODS = ("GET", "HEAD")
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Of every answer; the page has a policy of its own."""
FROM_HERE = ("same-origin", "none")
"""What `Sec-Fetch-Site` says of a request by the page itself, and of an address that was typed."""


class Guard:
    """Lets requests through to an application, or answers them itself.

    Args:
        app: What is guarded.
        door: Where it is, and the secret: in the address at the first visit, in a cookie after it.
            Cookies of one machine are sent to all its ports, so that the port is in their name.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._token = app, door.token
        self._cookie = f"lifesigns-{door.port}"
        self._is_open = not door.is_private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] != "http":  # a web socket: nothing here speaks it
            return
        answer = self._refused(scope) or self._admitted(scope)
        await (answer or self._app)(scope, receive, send_guarded)

    def _refused(self, scope: Scope) -> Response | None:
        """Whatever secret it carries."""
        headers = Headers(scope=scope)
        if scope["method"] not in METHODS:
            allow = {"allow": ", ".join(METHODS)}
            return PlainTextResponse("Only GET and HEAD are answered.", 405, headers=allow)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return PlainTextResponse("This server has another name.", 421)
        if any(origin != f"http://{hosts[0]}" for origin in headers.getlist("origin")):
            return PlainTextResponse("Requests of other pages are refused.", 403)
        if any(site not in FROM_HERE for site in headers.getlist("sec-fetch-site")):
            return PlainTextResponse(
                "Another page led here, which is refused. Type or paste the address.", 403
            )
        return None

    def _admitted(self, scope: Scope) -> Response | None:
        """None for a request with the cookie; the cookie for one with the token."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and "token" in query:
            if not self._is_secret(query["token"][-1]):
                return self._unknown()
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        return None if self._is_secret(self._carried(scope)) else self._unknown()

    def _carried(self, scope: Scope) -> str:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(Headers(scope=scope).get("cookie", ""))
        except CookieError:
            return ""
        return cookies[self._cookie].value if self._cookie in cookies else ""

    def _is_secret(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this machine; a foreign name that leads here does not."""
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        name = name.strip("[]").lower()
        if name == "localhost" or is_loopback(name):
            return True
        return self._is_open and (is_address(name) or name in _own_names())

    @staticmethod
    def _unknown() -> Response:
        return PlainTextResponse(
            "Open the address that `lifesigns` printed, with its token: each start has a new one.",
            403,
        )


def _own_names() -> tuple[str, ...]:
    return socket.gethostname().lower(), socket.getfqdn().lower()
