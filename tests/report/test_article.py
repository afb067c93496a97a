import re

from lifesigns.report.article import Article
from lifesigns.report.figures import lines
from lifesigns.report.language import Language
from lifesigns.report.shell import digest, on_page


def test_a_page_holds_what_was_written_in_order():
    page = Article("A & B", Language.CHINESE)
    page.heading("first")
    page.paragraph("1 < 2")
    page.table([{"name": "relu", "score": ".97"}], numbers=("score",))
    page.items(["one", "two"])
    page.code("x = 1")

    text = page.render()

    assert '<html lang="zh">' in text
    assert "<h1>A &amp; B</h1>" in text
    parts = ["<h2>first</h2>", "1 &lt; 2", '<td class="number">.97</td>', "<li>two</li>", "x = 1"]
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)
    assert "<script>" not in text


def test_a_chart_brings_its_libraries_along_and_cannot_end_its_script():
    page = Article("t")
    page.figure(lines([{"x": 1, "y": 2, "net": "</script><!--"}], "x", "y", by="net", title="t"))

    text = page.render()

    assert text.count("</script>") == 2
    assert "vegaEmbed" in text
    assert not re.findall(r"<(?:script|link|iframe)[^>]* (?:src|href)=", text)


def test_a_page_may_load_nothing_and_runs_only_its_own_scripts():
    page = Article("t")
    page.figure(lines([{"x": 1, "y": 2, "net": "a"}], "x", "y", by="net", title="t"))

    text = page.render()

    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert policy.startswith("default-src 'none'")
    assert all(digest(script) in policy for script in scripts)


def test_a_chart_of_a_page_is_as_wide_as_its_column_and_follows_light_and_dark():
    chart = lines([{"x": 1, "y": 2, "net": "a"}], "x", "y", by="net", title="t")

    shown = on_page(chart)

    assert (shown["width"], shown["config"]["background"]) == ("container", "transparent")
    assert shown["config"]["axis"]["labelFontSize"] == chart["config"]["axis"]["labelFontSize"]
    assert isinstance(chart["width"], int)


def test_a_page_in_two_languages_shows_one_and_has_a_button_for_each():
    english, chinese = Article("Signal"), Article("信号", Language.CHINESE)
    for page in (english, chinese):
        page.figure(lines([{"x": 1, "y": 2, "net": "a"}], "x", "y", by="net", title="t"))

    text = chinese.render(english)

    assert '<html lang="zh">' in text
    assert '<article lang="zh">\n<h1>信号</h1>' in text
    assert '<article lang="en" hidden>\n<h1>Signal</h1>' in text
    assert re.findall(r'lang="(\w+)" aria-pressed="(\w+)"', text) == [
        ("zh", "true"),
        ("en", "false"),
    ]
    assert text.count('class="chart"') == 2
