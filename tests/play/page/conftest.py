"""The playground as `lifesigns play` writes it; complaints and requests fail the test."""

from contextlib import ExitStack

import pytest
from playing import Played

from lifesigns.play.file import play_html


@pytest.fixture(scope="session")
def playground(tmp_path_factory):
    """The file, written once."""
    pytest.importorskip("sklearn")
    file = tmp_path_factory.mktemp("play") / "play.html"
    file.write_text(play_html(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def plays(chromium, playground):
    """`plays(**options of the browser's context)`: a page with the playground."""
    complaints, requests = [], []
    with ExitStack() as contexts:

        def open_page(file=playground, **options):
            size = {"viewport": {"width": 1440, "height": 900}}
            context = contexts.enter_context(chromium.new_context(**size | options))
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            return Played(page, file)

        yield open_page
    assert complaints == []
    local = ("file:", "blob:null/", "data:", "about:blank")
    assert [url for url in requests if not url.startswith(local)] == []


@pytest.fixture(scope="module")
def played(plays):
    """One page for the tests of a module, each of which opens it anew at a state."""
    return plays()
