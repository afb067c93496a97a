"""Pages of lab, claims and functions at 360 pixels, in both languages."""

import pytest

from lifesigns.claims import Effort, find_claims, run_claims
from lifesigns.claims._book import book
from lifesigns.lab.design.arguments import design_of
from lifesigns.lab.results.pages import html_page
from lifesigns.lab.results.ranking import rank
from lifesigns.lab.run import run
from lifesigns.report.functions_html import html as functions_page

PHONE = {"width": 360, "height": 740}
CLAIMS = ("cross-entropy-cancels", "squared-error-saturates", "zero-start-rule")


def lab_page():
    design = design_of(None, {"data": "iris", "hidden": "8", "activations": "relu,tanh",
                              "initialisers": "he,zeros", "rates": "0.01,0.1", "seeds": 2,
                              "steps": 20})  # fmt: skip
    outcome = run(design)
    return html_page(outcome, rank(outcome))


def claims_page():
    return book(list(run_claims(find_claims(CLAIMS), Effort(quick=True))), Effort(quick=True))


PAGES = {"lab": lab_page, "claims": claims_page, "functions": functions_page}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_has_to_be_scrolled_sideways_but_tables(opened, name):
    page = opened(PAGES[name](), "main > article[lang=en] svg", viewport=PHONE)

    for language, button in (("en", "English"), ("zh", "中文")):
        page.get_by_role("button", name=button).click()
        article = page.locator(f"main > article[lang={language}]")
        article.locator("svg").first.wait_for()
        charts = article.locator(".chart")
        for number in range(charts.count()):
            charts.nth(number).locator("svg.marks").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        widths = article.locator(".chart svg.marks").evaluate_all(
            "charts => charts.map((one) => one.getBoundingClientRect().width)"
        )
        assert all(width <= PHONE["width"] for width in widths)


def test_the_words_in_the_charts_are_those_of_the_page(opened):
    page = opened(claims_page(), "main > article[lang=en] svg.marks", viewport=PHONE)
    page.get_by_role("button", name="中文").click()
    chart = page.locator("main > article[lang=zh] .chart").first
    chart.locator("svg.marks").wait_for()

    words = " ".join(chart.locator("svg text").all_text_contents())

    assert "轮数" in words
    assert "平方误差" in words
    assert "epoch" not in words
