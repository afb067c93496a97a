"""The page of a run as a reader uses it, in a browser."""

import re

import pytest
from axe import violations
from sample import sample

from lifesigns.report.page.file_host import page_html


@pytest.fixture(scope="module")
def html():
    return page_html(sample())


def test_every_picture_is_drawn(opened, html):
    page = opened(html)

    titles = page.locator("h2").all_inner_texts()

    assert titles == [
        "Loss",
        "Layers",
        "Units of a layer",
        "Product of σ′ down the network",
        "Gradients and updates",
        "The network",
        "Findings",
    ]
    assert page.locator(".mark").count() == 3
    assert page.locator(".ladder tbody tr").count() == 4
    assert page.locator(".site").count() == 9
    assert page.locator(".card").count() == 3


def test_a_cell_says_its_number_and_its_distance_without_colour(opened, html):
    page = opened(html)

    dead = page.locator(".ladder tbody tr").nth(1).locator("td").nth(2)

    assert dead.text_content().strip() == "90 %▲▲too large"
    assert dead.get_attribute("data-level") == "4"


def test_consequences_stand_beneath_their_root_cause(opened, html):
    page = opened(html)

    assert page.locator("#finding-0 .consequences #finding-1").count() == 1
    assert page.locator(".findings > .card").count() == 2


def test_a_name_that_is_markup_is_text(opened, html):
    page = opened(html)

    assert page.locator("img").count() == 0
    assert page.title().startswith("train.py </script><img src=x")
    assert "</script><img src=x" in page.locator(".ladder tbody tr").first.text_content()


def test_the_policy_allows_nothing_but_what_is_in_the_file(opened, html):
    page = opened(html)

    policy = page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")

    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?:|\*", policy) == []


def test_a_foreign_script_does_not_run(chromium, tmp_path, html):
    file = tmp_path / "page.html"
    file.write_text(html.replace("</body>", "<script>document.title = 'ran'</script></body>"))
    page = chromium.new_page()
    page.goto(file.as_uri())

    assert page.title() != "ran"
    page.close()


def test_without_javascript_findings_and_both_pictures_are_there(opened, html):
    page = opened(html, java_script_enabled=False)

    assert page.locator("svg.still").count() == 2
    assert page.locator("article.card").count() == 3
    assert page.locator("article.card").first.is_visible()
    assert "62 % of" in page.locator("article.card").first.inner_text()
    assert page.locator("img").count() == 0


def test_the_language_is_swapped_within_the_page(opened, html):
    page = opened(html)

    assert page.locator(".legend").first.inner_text().count("evaluation (2)") == 1
    page.get_by_role("button", name="中文").click()

    assert page.locator("h2").first.inner_text() == "损失"
    assert "评估（2 次）" in page.locator(".legend").first.inner_text()
    assert page.locator("#finding-0 > h3").inner_text().strip() == "从不激活的单元"
    assert page.locator("#finding-0 > .why").inner_text() == "它们不传回梯度。"
    assert page.locator("#finding-0 > dl dd[lang=zh-CN]").all_inner_texts() == ["低于 0.1"]
    assert page.locator("#finding-0 > .symptom").get_attribute("lang") == "en"
    assert page.locator("html").get_attribute("lang") == "zh-CN"


def test_the_language_of_the_browser_is_the_first(opened, html):
    page = opened(html, locale="zh-CN")

    assert page.locator("h2").first.inner_text() == "损失"


def test_the_keyboard_moves_the_step_and_every_chart_with_it(opened, html):
    page = opened(html)
    dead = page.locator(".ladder tbody tr").nth(1).locator("td").nth(2)
    before = dead.text_content()

    page.get_by_role("slider").focus()
    page.keyboard.press("Home")

    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "step 0"
    assert dead.text_content() != before
    assert page.locator(".slopes .readout").inner_text().startswith("step 0")


def test_the_tab_key_reaches_controls_marks_cells_and_copy_buttons(opened, html):
    page = opened(html)
    reached = set()

    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("""() => {
          const at = document.activeElement;
          return at.closest(".site") ? "site" : at.className || at.tagName.toLowerCase();
        }"""))  # fmt: skip

    assert {
        "language",
        "theme",
        "mark",
        "input",
        "td",
        "select",
        "canvas",
        "site",
        "copy",
    } <= reached


def test_arrow_keys_go_from_cell_to_cell(opened, html):
    page = opened(html)
    page.locator(".ladder td").first.focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")

    at = page.evaluate(
        "[document.activeElement.cellIndex, document.activeElement.parentElement.sectionRowIndex]"
    )
    assert at == [2, 1]
    assert page.locator(".trace figcaption").inner_text().startswith("2 2:linear#0")


def test_hovering_a_finding_lights_its_place_everywhere(opened, html):
    page = opened(html)

    page.locator("#finding-2 h3").hover()

    lit = page.locator("[data-lit]")
    assert lit.locator("xpath=self::tr").count() == 1
    assert page.locator("tr[data-layer='2'][data-lit]").count() == 1
    assert page.locator(".mark[data-finding='2'][data-lit]").count() == 1
    assert page.locator("[data-site='5'][data-lit]").count() == 1
    assert page.locator(".map[data-layer='2']").count() == 1


def test_focusing_a_layer_lights_its_findings(opened, html):
    page = opened(html)

    page.locator("tr[data-layer='1'] button").focus()

    assert page.locator(".card[data-lit]").count() == 2
    assert page.locator(".mark[data-lit]").count() == 2
    assert page.locator(".site[data-lit]").count() == 2


def test_the_place_of_a_finding_is_shown_in_the_charts(opened, html):
    page = opened(html)

    page.locator("#finding-0 > .place button").click()

    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "step 120"
    assert page.locator(".map select").input_value() == "1"


def test_the_map_tells_unit_step_and_share(opened, html):
    page = opened(html)
    page.locator(".canvas").focus()

    page.keyboard.press("ArrowRight")

    assert page.locator(".picture .readout").inner_text() == "unit 15, step 10: active 24 %"


def test_saturation_is_shown_by_a_switch(opened, html):
    page = opened(html)
    page.locator(".map select").select_option("2")
    readout = page.locator(".picture .readout")
    saturated = readout.inner_text()

    page.get_by_role("checkbox").uncheck()

    assert "4 of 16 rows are saturated" in saturated
    assert "0 of 16 rows are 0" in readout.inner_text()


def test_a_remedy_can_be_copied(opened, html):
    page = opened(html, permissions=["clipboard-read", "clipboard-write"])

    page.locator("#finding-0 .copy").first.click()

    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "optimizer = SGD(parameters, lr=0.01)  # <b>"


def test_colours_follow_the_system_until_they_are_chosen(opened, html):
    page = opened(html, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)

    page.get_by_role("button", name="Colours").click()

    assert dark == "rgb(21, 24, 27)"
    assert page.evaluate(ground) == "rgb(252, 252, 250)"


def test_on_paper_everything_is_there_and_no_control(opened, html):
    page = opened(html)

    page.emulate_media(media="print")

    assert page.locator(".switches").is_hidden()
    assert page.locator(".copy").first.is_hidden()
    assert page.locator(".findings").evaluate("e => getComputedStyle(e).maxHeight") == "none"
    assert page.locator(".scroll").first.evaluate("e => e.scrollHeight <= e.clientHeight + 1")


@pytest.mark.parametrize("width", [360, 400, 768, 1280])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_page_is_as_wide_as_its_window(opened, html, width, locale):
    page = opened(html, viewport={"width": width, "height": 800}, locale=locale)

    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_axe_finds_no_violation(opened, html, scheme, width):
    page = opened(
        html, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    assert violations(page) == []


def test_a_healthy_run_says_what_is_healthy_and_what_was_not_seen(opened):
    document = sample(findings=False)
    for column in document["columns"]:
        column["expected"] = column["broken"] = [None, None]

    page = opened(page_html(document))

    assert "4 layers were watched at 40 recorded steps" in page.locator(".healthy").inner_text()
    assert "Inside opaque operations" in page.locator(".coverage").inner_text()


def test_numbers_that_no_rule_alarms_at_are_not_called_healthy(opened):
    page = opened(page_html(sample(findings=False)))

    said = page.locator(".healthy").inner_text()
    assert "outside what is expected" in said
    assert "no layer is dead" not in said


def test_hundreds_of_layers_scroll_within_their_box(opened):
    page = opened(page_html(sample(layers=300)))

    box = page.locator(".ladder .scroll")

    assert page.locator(".ladder tbody tr").count() == 300
    assert box.evaluate("e => e.scrollHeight > 5 * e.clientHeight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
