import re

from lifesigns.report.article import Article
from lifesigns.report.figures import lines


def test_a_page_holds_what_was_written_in_order():
    page = Article("A & B", language="zh")
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
