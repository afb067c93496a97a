"""The playground on every screen: as wide as its window, and without violations of axe-core."""

import re
from importlib import resources

import pytest
from axe import violations

from lifesigns.play.chinese import chinese

STATES = {
    "free": {},
    "two networks": {"view": "layers", "other.optimizer.rate": 3, "network__hidden": "3 relu"},
    "lesson": {"view": "slope", "lesson": "relu-dies"},
    "path": {"view": "path"},
    "neuron": {"view": "neuron", "data__name": "sine", "loss": "squared-error"},
    "terms": {"view": "terms", "data__name": "three-blobs"},
}


@pytest.fixture(scope="module")
def audited(plays):
    return plays(bypass_csp=True)


@pytest.mark.parametrize(
    ("state", "scheme"),
    [*((state, "light") for state in STATES), ("two networks", "dark"), ("lesson", "dark")],
)
def test_axe_finds_no_violation(audited, state, scheme):
    audited.page.emulate_media(color_scheme=scheme)
    audited.at(**STATES[state]).steps(2)

    assert violations(audited.page) == []


@pytest.mark.parametrize("dialog", ["Share", "Export"])
def test_axe_finds_no_violation_in_a_dialog(audited, dialog):
    audited.at(data__name="sine", loss="squared-error").press(dialog)
    audited.page.locator("dialog :is(pre, input)").first.wait_for()

    assert violations(audited.page) == []


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_page_is_as_wide_as_its_window_on_every_screen(plays, locale):
    shown = plays(locale=locale).at(**STATES["two networks"])
    for view in ("layers", "slope", "path", "neuron", "terms"):
        shown.page.locator(f"#tab-{view}").click()
        for width in (400, 768, 1240, 2560):
            shown.page.set_viewport_size({"width": width, "height": 900})
            shown.page.wait_for_timeout(30)
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= width, view


def test_every_word_of_the_interface_has_its_chinese():
    folder = resources.files("lifesigns")
    texts = [file.read_text("utf-8") for file in folder.joinpath("play", "page").iterdir()
             if file.name.endswith(".js")]  # fmt: skip
    shared = folder.joinpath("report", "page", "browser", "chinese.js").read_text("utf-8")
    calls = [call for text in texts for call in _calls(text)]
    words = {word for call in calls for word in re.findall(r'"([^"]+)"', call)}
    for text in texts:
        words.update(re.findall(r'\b(?:label|help|name): "([A-Z][^"]+)"', text))

    missing = {word for word in words if word not in chinese() and word not in shared}

    assert missing - {"right", "AB"} == set()


def _calls(text):
    """What stands in the parentheses of each `say(…)`."""
    for match in re.finditer(r"\bsay\(", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield text[match.end() : end - 1]
