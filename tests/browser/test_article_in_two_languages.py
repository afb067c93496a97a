"""The switch of a page that is read from top to bottom."""

from axe import violations

from lifesigns.report.article import Article
from lifesigns.report.figures import lines
from lifesigns.report.language import Language

CHART = lines(
    [{"x": 1, "y": 2, "net": "a"}, {"x": 2, "y": 3, "net": "a"}], "x", "y", by="net", title="t"
)


def article(title, language):
    page = Article(title, language)
    page.figure(CHART, title)
    return page


def test_a_button_shows_the_other_language_and_draws_its_charts(opened):
    chinese = article("信号", Language.CHINESE)
    page = opened(article("Signal", Language.ENGLISH).render(chinese), "article[lang=en] svg.marks")
    assert not page.locator("article[lang=zh]").is_visible()

    page.get_by_role("button", name="中文").click()

    page.locator("article[lang=zh] svg.marks").wait_for()
    assert not page.locator("article[lang=en]").is_visible()
    assert page.title() == "信号"
    assert page.locator("html").get_attribute("lang") == "zh"
    width, column = (
        page.locator(f"article[lang=zh] {part}").bounding_box()["width"]
        for part in ("svg.marks", "figure")
    )
    assert width > 0.9 * column


def test_its_buttons_can_be_used_by_everybody(opened):
    chinese = article("信号", Language.CHINESE)

    page = opened(article("Signal", Language.ENGLISH).render(chinese), "svg.marks", bypass_csp=True)

    assert violations(page) == []
