"""A page in Debian's Chromium; whatever it complains of, and every request, fails the test."""

from contextlib import ExitStack

import pytest


@pytest.fixture
def opened(chromium, tmp_path):
    """`opened(html, ready, **options of the browser's context)`: the page, when it is drawn."""
    complaints, requests = [], []
    file = tmp_path / "page.html"

    with ExitStack() as contexts:

        def open_page(html, ready="#page[data-ready]", **options):
            file.write_text(html, encoding="utf-8")
            context = contexts.enter_context(
                chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
            )
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.on("console", lambda said: complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda request: requests.append(request.url))
            page.goto(file.as_uri())
            if options.get("java_script_enabled", True):
                page.wait_for_selector(ready)
            return page

        yield open_page
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} <= {file.as_uri()}
