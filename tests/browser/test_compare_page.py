"""The page of a comparison as a reader uses it, in a browser."""

import pytest
from axe import violations
from compared import page, side


@pytest.fixture(scope="module")
def html():
    return page(side("healthy.ls"), side("dying.ls", dying=True, command="train.py --lr 50"))


def cells(opened_page, layer, row):
    body = opened_page.locator(".compared tbody").nth(layer)
    return [text.strip() for text in body.locator("tr").nth(row).locator("td").all_text_contents()]


def test_it_says_where_the_runs_part_and_draws_both(opened, html):
    shown = opened(html)

    assert shown.locator("h1").inner_text() == "Different from step 1 on"
    assert shown.locator(".first").inner_text().startswith("Step 1 at 0.weight: the RMS of the")
    assert shown.locator(".run h2").all_inner_texts() == ["A healthy.ls", "B dying.ls"]
    assert shown.locator(".charts h2").all_inner_texts() == [
        "Loss",
        "Layers",
        "Settings and versions",
        "Not compared",
    ]
    assert shown.locator(".plot canvas").count() == 1


def test_findings_are_new_gone_and_the_same(opened, html):
    shown = opened(html)

    assert shown.locator(".findings h3").all_inner_texts() == ["New in B 1", "In both 1"]
    assert "8 of 8 units" in shown.locator(".card.new").inner_text()
    assert shown.locator(".card.same").count() == 1


def test_a_finding_that_went_is_gone_the_other_way_round(opened):
    shown = opened(page(side("dying.ls", dying=True), side("healthy.ls")))

    assert shown.locator(".findings h3").all_inner_texts() == ["Gone in B 1", "In both 1"]


def test_a_layer_has_a_row_for_each_run_and_one_for_the_difference(opened, html):
    shown = opened(html)

    first, other, between = (cells(shown, 0, row) for row in range(3))

    assert shown.locator(".compared tbody").count() == 2
    assert first[2] == "0 %"
    assert other[2] == "100 %▲▲too large"
    assert between[2] == "+100 %"
    assert between[6] == "×500"


def test_the_slider_moves_both_runs(opened, html):
    shown = opened(html)

    shown.get_by_role("slider").focus()
    shown.keyboard.press("Home")

    assert shown.get_by_role("slider").get_attribute("aria-valuetext") == "A: step 0, B: step 0"
    assert cells(shown, 0, 2)[2] == "="


def test_settings_that_differ_are_shown_and_the_others_on_demand(opened, html):
    shown = opened(html)

    rows = shown.locator(".settings table").first.locator("tbody tr")

    assert rows.all_inner_texts() == ["--lr\tnone\t50"]
    assert shown.locator(".settings details").inner_text().startswith("The same in both:")


def test_a_layer_that_one_run_lacks_says_so(opened):
    shown = opened(page(side("a.ls"), side("b.ls", module="body.")))

    assert shown.locator("h1").inner_text() == "Different from step 0 on"
    assert "0:linear#0 / body.0:linear#0" in shown.locator(".compared tbody").first.inner_text()


def test_a_run_with_itself_is_identical(opened):
    shown = opened(page(side("a.ls"), side("a.ls")))

    said = "Identical: 40 losses and 7 snapshots are equal to the bit"
    assert shown.locator("h1").inner_text() == said
    assert shown.locator(".first").count() == 0


def test_of_several_runs_the_one_to_compare_with_is_chosen(opened):
    shown = opened(page(side("a.ls"), side("b.ls", dying=True), side("c.ls")))

    shown.get_by_label("Compare A with").select_option("1")

    assert shown.locator("h1").inner_text().startswith("Identical")
    assert shown.locator(".legend .key.line").count() == 3


def test_losses_can_be_aligned_by_samples(opened):
    shown = opened(page(side("a.ls"), side("b.ls", batch=32), axis="samples"))

    shown.locator(".plot .u-over").hover()

    assert "by samples seen" in shown.locator(".loss .legend").inner_text()
    assert "samples: A" in shown.locator(".loss .readout").inner_text()


def test_the_words_are_swapped_within_the_page(opened, html):
    shown = opened(html)

    shown.get_by_role("button", name="中文").click()

    assert shown.locator("h1").inner_text() == "从第 1 步起不同"
    assert shown.locator(".first").inner_text().startswith("第 1 步 · 更新 · 0.weight")
    assert shown.locator(".findings h3").first.inner_text() == "B 中新出现 1"
    assert "程序的源代码" in shown.locator(".charts").inner_text()


def test_a_name_that_is_markup_is_text(opened):
    evil = "</script><img src=x onerror=\"document.title='broken'\">"

    shown = opened(page(side(evil, module=evil), side("b.ls", module=evil, dying=True)))

    assert shown.locator("img").count() == 0
    assert shown.title() != "broken"
    assert evil in shown.locator(".run h2").first.inner_text()
    assert evil in shown.locator(".compared tbody").first.inner_text()


def test_the_policy_allows_nothing_but_what_is_in_the_file(opened, html):
    shown = opened(html)

    policy = shown.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")

    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy


def test_without_javascript_it_is_told_in_words(opened, html):
    shown = opened(html, java_script_enabled=False)

    text = shown.locator("body").inner_text()

    assert "different from step 1 on" in text
    assert "new: warning dead-units 1:relu#0" in text


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_page_is_as_wide_as_its_window(opened, html, width, locale):
    shown = opened(html, viewport={"width": width, "height": 800}, locale=locale)

    assert shown.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(opened, html, scheme):
    shown = opened(html, color_scheme=scheme, bypass_csp=True)

    assert violations(shown) == []
