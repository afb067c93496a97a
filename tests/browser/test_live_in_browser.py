"""The page of a training that goes on, in a browser: what is new appears, others are kept out."""

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

SCRIPT = """
import sys, time
import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(100_000):
    inputs = torch.randn(64, 8)
    loss = nn.functional.cross_entropy(model(inputs), inputs[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    time.sleep(0.02)
    if step == 60:
        model.eval()
        model.train()
        with torch.no_grad():
            model[0].bias.fill_(-100.0)
"""


@pytest.fixture
def training(tmp_path):
    """A training under `run --live` in which a layer dies; its page's address is printed first."""
    (tmp_path / "train.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "-m", "lifesigns", "run", "--live", "--every", "4", "train.py"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with process:
        process.address = re.search(r"http://\S+", process.stderr.readline())[0]
        yield process
        process.kill()
        process.stderr.read()


def columns(page):
    """How many recorded steps the page has: the last place of the slider over them."""
    return int(page.locator("input[type=range]").first.get_attribute("max")) + 1


def test_steps_and_findings_appear_and_the_end_is_told(chromium, training):
    complaints, asked = [], []
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(training.address)
        page.wait_for_selector("#page[data-ready]")
        address = page.url
        page.wait_for_selector("input[type=range]")
        before = columns(page)
        page.wait_for_selector("text=Units of a rectifier that never fire")
        after, facts = columns(page), page.locator(".facts").inner_text()
        page.wait_for_selector("text=evaluation (1)")
        training.kill()
        page.wait_for_selector("[data-state=killed]")

    assert "token" not in address
    assert after >= before > 0  # on a slow machine all may have come by then
    assert "running" in facts
    assert complaints == []
    assert {url.split("?")[0].removeprefix(address) for url in asked if "token" not in url} <= {
        "",
        "document",
        "events",
    }


def test_another_site_sees_nothing_of_it(chromium, training, tmp_path):
    """Of another origin that knows the port: it can neither read, nor frame, nor lead there."""
    port = re.search(r":(\d+)/", training.address)[1]
    other = tmp_path / "other.html"
    other.write_text(
        f"<iframe src='http://127.0.0.1:{port}/'></iframe>"
        f"<a id='lead' href='{training.address}'>a prize</a>"
    )
    with chromium.new_context() as context:
        own = context.new_page()
        own.set_default_timeout(60_000)
        own.goto(training.address)
        own.wait_for_selector("#page[data-ready]")
        page = context.new_page()
        page.goto(other.as_uri())
        read = page.evaluate(
            "port => fetch(`http://127.0.0.1:${port}/document`, {credentials: 'include'})"
            ".then(answer => answer.text(), error => 'refused')",
            port,
        )
        framed = page.frames[1].evaluate("document.querySelector('#page')")
        with page.expect_navigation() as led:
            page.click("#lead")
        status = led.value.status

    assert (read, framed, status) == ("refused", None, 403)
