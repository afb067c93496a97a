"""Six real runs, from the training to the page, in a browser.

With `LIFESIGNS_PICTURES=FOLDER` their pictures are kept, to be looked at.
"""

import os
from itertools import product
from pathlib import Path

import pytest
from axe import violations
from english import english

from lifesigns.report.page import document
from lifesigns.report.page.file_host import page_html
from lifesigns.store import read_findings, read_run

PROGRAMS = Path(__file__).parents[1] / "cases/run.py"
RUNS = {
    "large_rate_that_works": None,
    "rate_far_too_high": "0:linear#0",
    "raw_years_and_incomes": "0:linear#0",
    "zero_weights_everywhere": "0:linear#0",
    "pictures_not_centred": None,
    "deep_post_norm_without_warm_up": "1.layers.2.linear1:linear#0",
}
"""A layer with an alarm: a healthy network, a dead and a saturated one, one that starts from zero,
a convolutional one and a transformer."""
PICTURES = os.environ.get("LIFESIGNS_PICTURES")
READ = """() => {
  const body = document.body.cloneNode(true);
  for (const code of body.querySelectorAll("code, pre, style, script, .name")) code.remove();
  return [...body.querySelectorAll("*")].map((each) => [...each.childNodes]
    .filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join(" "));
}"""
"""What is written on a page beside code and the names of layers."""
LOOKS = [(1280, "dark", "zh-CN"), (400, "light", "en-US")]
if PICTURES:
    LOOKS = list(product((1280, 400), ("light", "dark"), ("en-US", "zh-CN")))


@pytest.fixture(scope="module", params=RUNS)
def run(request, forked, tmp_path_factory):
    """The name of a program, and the page of its run."""
    file = tmp_path_factory.mktemp("run") / "run.lifesigns"
    forked("run", "--save", file, "--every", "7", PROGRAMS, request.param)
    return request.param, page_html(document(read_run(file), read_findings(file)))


def test_layers_with_alarms_are_marked_and_no_others(opened, run):
    name, html = run
    page = opened(html)

    sick = page.locator("tr.sick .name").all_inner_texts()

    assert bool(sick) == bool(RUNS[name])
    assert RUNS[name] is None or RUNS[name] in sick


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(map(str, look)))
def test_it_looks_well_at_every_width_and_in_every_light(opened, run, look):
    (name, html), (width, scheme, locale) = run, look
    window = {"width": width, "height": 900}

    page = opened(html, viewport=window, color_scheme=scheme, locale=locale, bypass_csp=True)

    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}-{locale[:2]}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    written = page.evaluate(READ) if locale == "zh-CN" else []
    assert [text for text in written if english(text)] == []
    assert violations(page) == []
