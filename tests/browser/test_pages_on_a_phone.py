"""Pages of lab, claims, functions, topics and proofs at 360 pixels, in both languages.

With `LIFESIGNS_PICTURES=FOLDER` their pictures are kept, to be looked at.
"""

import os
from functools import cache, partial

import made
import pytest

from lifesigns.claims import Done, Effort, all_claims, find_claims, run_claims
from lifesigns.claims._book import book
from lifesigns.claims.topics import all_topics
from lifesigns.claims.topics import html as topic_html
from lifesigns.claims.topics._page import page_of
from lifesigns.lab.design.arguments import design_of
from lifesigns.lab.results.pages import html_page
from lifesigns.lab.results.ranking import rank
from lifesigns.lab.run import run
from lifesigns.prove.page import proof_html
from lifesigns.report.functions_html import html as functions_page
from lifesigns.report.language import Language

PHONE = {"width": 360, "height": 740}
CLAIMS = ("cross-entropy-cancels", "squared-error-saturates", "zero-start-rule")


def lab_page():
    design = design_of(None, {"data": "iris", "hidden": "8", "activations": "relu,tanh",
                              "initialisers": "he,zeros", "rates": "0.01,0.1", "seeds": 2,
                              "steps": 20})  # fmt: skip
    outcome = run(design)
    return html_page(outcome, rank(outcome))


def claims_page():
    return book(cheap(), Effort(quick=True))


@cache
def cheap():
    return tuple(run_claims(find_claims(CLAIMS), Effort(quick=True)))


def topic_page(topic):
    """With the charts of the claims that take no time."""
    done = {claim.name: Done(claim, None, 0.0, False, "It takes long.") for claim in all_claims()}
    done |= {each.claim.name: each for each in cheap()}
    return topic_html(*(page_of(topic, language, done) for language in Language))


def proof_page():
    """With a long path, a long name and a patch."""
    remedy = made.candidate(
        after="optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # a tenth\n",
        site="encoder.layers.2.feed_forward.intermediate.dense:linear#0",
    )
    patch = "".join(remedy.sources.values())
    return proof_html(made.proof(chosen=remedy), f"{'experiments/' * 5}train.py", f"+{patch}")


PAGES = {"lab": lab_page, "claims": claims_page, "functions": functions_page, "proof": proof_page}
PAGES |= {topic.name: partial(topic_page, topic) for topic in all_topics()}
PICTURES = os.environ.get("LIFESIGNS_PICTURES")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_has_to_be_scrolled_sideways_but_tables(opened, name):
    page = opened(PAGES[name](), "main > article[lang=en] h2", viewport=PHONE)

    for language, button in (("en", "English"), ("zh", "中文")):
        page.get_by_role("button", name=button).click()
        article = page.locator(f"main > article[lang={language}]")
        charts = article.locator(".chart")
        for number in range(charts.count()):
            charts.nth(number).locator("svg.marks").wait_for()
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}-360-{language}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        widths = article.locator(".chart svg.marks").evaluate_all(
            "charts => charts.map((one) => one.getBoundingClientRect().width)"
        )
        assert all(width <= PHONE["width"] for width in widths)
        words = article.locator(".chart svg text").all_text_contents()
        assert [text for text in words if text.endswith("…")] == []


def test_the_words_in_the_charts_are_those_of_the_page(opened):
    page = opened(claims_page(), "main > article[lang=en] svg.marks", viewport=PHONE)
    page.get_by_role("button", name="中文").click()
    chart = page.locator("main > article[lang=zh] .chart").first
    chart.locator("svg.marks").wait_for()

    words = " ".join(chart.locator("svg text").all_text_contents())

    assert "轮数" in words
    assert "平方误差" in words
    assert "epoch" not in words
