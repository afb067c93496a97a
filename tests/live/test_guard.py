"""Whoever is not the page itself is refused: other names, other sites, other methods, no secret."""

import http.client
import socket

import pytest
import run_files
from served import TOKEN, Served

from lifesigns.live import guard
from lifesigns.live.door import LOOPBACK

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret.txt").write_text("of the machine")
    with Served(run_files.finished_run(folder / "run.lifesigns")) as served:
        yield served


def status(served, path="/", method="GET", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return served.ask(path, method, served.cookie | names)[0]


def test_the_token_is_exchanged_for_a_cookie_and_a_clean_address(served):
    code, headers, _ = served.ask(f"/?token={TOKEN}", headers={})

    assert code == 303
    assert headers["location"] == "/"
    assert headers["set-cookie"] == (
        f"lifesigns-{served.door.port}={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    )


def test_the_cookie_opens_page_document_and_events(served):
    assert [status(served, path) for path in ("/", "/document")] == [200, 200]
    assert status(served, "/events", "HEAD") == 200


@pytest.mark.parametrize(
    "path", ["/", "/document", "/events", "/nothing", "/document?token=" + TOKEN]
)
def test_without_cookie_or_token_everything_is_refused(served, path):
    assert served.ask(path, headers={})[0] == 403


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "%ff", "ü"])
def test_a_wrong_token_is_refused(served, token):
    path = f"/?token={token}".encode().decode("latin-1")
    cookie = {"Cookie": f"lifesigns-{served.door.port}={token.encode().decode('latin-1')}"}

    assert served.ask("/", headers=cookie)[0] == 403
    if path.isascii():
        assert served.ask(path, headers={})[0] == 403


def test_the_secret_is_compared_in_constant_time(served, monkeypatch):
    compared = []
    compare = guard.hmac.compare_digest
    monkeypatch.setattr(
        guard.hmac, "compare_digest", lambda *pair: compared.append(pair) or compare(*pair)
    )

    status(served)
    served.ask("/?token=wrong", headers={})

    assert compared == [(TOKEN.encode(), TOKEN.encode()), (b"wrong", TOKEN.encode())]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil:1", "10.0.0.1", "", "[::2]:80"],
)
def test_a_foreign_name_that_leads_here_is_refused(served, host):
    assert status(served, Host=host) == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "LOCALHOST:1", "[::1]:80"])
def test_every_name_of_this_machine_is_taken_with_any_port_for_a_tunnel(served, host):
    assert status(served, Host=host) == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{}"]
)
def test_a_foreign_origin_is_refused(served, origin):
    own = f"127.0.0.1:{served.door.port}"

    assert status(served, "/document", Origin=origin.format(own)) == 403
    assert status(served, "/document", Origin=f"http://{own}") == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_page_caused_is_refused(served, site):
    assert status(served, Sec_Fetch_Site=site) == 403
    assert served.ask(f"/?token={TOKEN}", headers={"Sec-Fetch-Site": site})[0] == 403


@pytest.mark.parametrize(
    "method",
    ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"],
)
def test_any_method_but_get_and_head_is_refused(served, method):
    for path in ("/", "/document", "/events", f"/?token={TOKEN}"):
        code, headers, _ = served.ask(path, method)
        assert (code, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    ["/secret.txt", "/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/run.lifesigns",
     "//etc/passwd", "/document/", "/document/..", "/static/", "/favicon.ico", "/%00"],
)  # fmt: skip
def test_there_is_nothing_but_the_page(served, path):
    code, _, body = served.ask(path)

    assert code == 404
    assert b"machine" not in body


@pytest.mark.parametrize(
    ("path", "method"),
    [("/", "GET"), ("/document", "GET"), ("/events", "HEAD"), ("/x", "GET"), ("/", "PUT")],
)
def test_every_answer_forbids_what_it_does_not_need(served, path, method):
    for carried in (served.cookie, {}):
        _, headers, _ = served.ask(path, method, carried)

        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_two_names_at_once_are_refused(served):
    connection = http.client.HTTPConnection(LOOPBACK, served.door.port, timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    for name in ("evil.example", "127.0.0.1"):
        connection.putheader("Host", name)
    for header in served.cookie.items():
        connection.putheader(*header)
    connection.endheaders()
    answer = connection.getresponse()

    assert answer.status in (400, 421)
    answer.read()
    connection.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("192.168.7.5:80", 200), ("[2001:db8::1]:80", 200), ("evil.example", 421), ("{}:80", 200)],
)
def test_a_server_that_others_reach_goes_by_addresses_and_its_own_name(tmp_path, host, expected):
    """An address in numbers cannot be led here by a foreign name server."""
    path = run_files.finished_run(tmp_path / "run.lifesigns")
    with Served(path, host="0.0.0.0") as served:
        assert status(served, Host=host.format(socket.gethostname())) == expected
