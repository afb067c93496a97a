"""The documentation: a page for each rule, function, claim and topic; nothing from elsewhere."""

import doctest
import importlib.util
import posixpath
import re
from pathlib import Path
from types import SimpleNamespace

import markdown
import pytest
import yaml
from english import english

from lifesigns.claims import all_claims
from lifesigns.claims.topics import all_topics
from lifesigns.report.functions import ENTRIES
from lifesigns.report.language import Language
from lifesigns.report.wording import phrases_in
from lifesigns.rules import built_in_rules

ROOT = Path(__file__).parents[2]
NAMES = {
    "rules": [rule.name for rule in built_in_rules()],
    "zh/rules": [rule.name for rule in built_in_rules()],
    "topics": [topic.name for topic in all_topics()],
    "zh/topics": [topic.name for topic in all_topics()],
    "functions": list(ENTRIES),
    "zh/functions": list(ENTRIES),
    "claims": [claim.name for claim in all_claims()],
    "zh/claims": [claim.name for claim in all_claims()],
}
"""What there is a page of, by folder."""

each_folder = pytest.mark.parametrize("folder", NAMES)
each_language = pytest.mark.parametrize("language", Language)


@pytest.fixture(scope="module")
def docs():
    spec = importlib.util.spec_from_file_location("scripts_docs", ROOT / "scripts/docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(docs):
    return docs.pages()


def links(text):
    """Links to pages; in code there are none."""
    return re.findall(r"\]\(([^)#]+\.\w+)\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


@each_folder
def test_each_has_a_page_that_its_index_links_to(pages, folder):
    linked = {link.removeprefix("./") for link in links(pages[f"{folder}/index.md"])}

    for name in NAMES[folder]:
        assert pages[f"{folder}/{name}.md"].startswith("# ")
        assert f"{name}.md" in linked


@each_folder
def test_there_is_no_page_of_anything_else(pages, folder):
    made = {path for path in pages if posixpath.dirname(path) == folder}

    assert made == {f"{folder}/{name}.md" for name in ("index", *NAMES[folder])}


def test_every_link_leads_to_a_page_or_a_file(pages):
    for path, text in pages.items():
        for link in links(text):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
            assert target in pages or (ROOT / "docs" / target).is_file(), (path, link)


@each_language
@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_the_page_of_a_rule_has_text_under_each_heading(docs, pages, rule, language):
    page = pages[f"{docs.FOLDERS[language]}rules/{rule.name}.md"]

    _, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    said = dict(part.split("\n", 1) for part in parts)
    assert list(said) == list(phrases_in(language).headings)
    assert [heading for heading, text in said.items() if not text.strip()] == []


def test_every_number_of_a_topic_is_read_from_the_verdicts_of_its_claims(docs):
    verdicts = docs.measured()[1]

    wanted = {number for topic in all_topics() for number in topic.numbers.values()}
    missing = [
        number
        for number in wanted
        if number.claim in verdicts
        and number.measurement not in {m.name for m in docs.measurements(verdicts[number.claim])}
    ]

    assert wanted
    assert missing == []


def test_a_number_keeps_its_interval_in_the_words_of_the_language(docs):
    text = "- tanh: error: 0.5 (0.4 to 0.6) (expected below 1)\n- reached at: never (expected -)"

    with_interval, never = docs.measurements(text)

    assert with_interval.name == "tanh: error"
    assert with_interval.written("（{low} 至 {high}）") == "0.5（0.4 至 0.6）"
    assert never.shown == "never"


def test_a_claim_that_was_not_measured_yet_has_a_page_without_a_verdict(docs):
    claim = all_claims()[0]

    page = docs.claim_page(claim, "", Language.ENGLISH)

    assert claim.text in page.replace("\\", "")
    assert "CLAIM = Claim(" in page


@pytest.mark.parametrize("folder", ["zh/functions", "zh/claims", "zh/topics"])
def test_a_chinese_page_is_chinese(pages, folder):
    code = re.compile(r"```.*?```|<svg.*?</svg>|^# .*?$|\| 出处 .*?$|x if x > 0.*?;", re.S | re.M)
    left = {
        path: line
        for path, text in pages.items()
        if path.startswith(folder)
        for line in code.sub("", text.partition("## 参考文献")[0]).splitlines()
        if english(line)
    }

    assert left == {}


def test_a_claim_keeps_its_numbers_in_the_words_of_the_language(docs, pages):
    for claim in all_claims():
        verdict = docs.measured()[1].get(claim.name, "")
        _, _, chinese = pages[f"zh/claims/{claim.name}.md"].partition("\n\n")
        for number in docs.measurements(verdict):
            assert f"：{number.shown.split(' ')[0]}" in chinese, (claim.name, number)


@pytest.mark.parametrize("path", ["tour.md", "zh/tour.md"])
def test_the_tour_is_the_readme(pages, path):
    readme = ROOT / {"tour.md": "README.md", "zh/tour.md": "README.zh.md"}[path]

    told = pages[path].split("\n\n")[2:]

    text = readme.read_text(encoding="utf-8").replace("](docs/", "](" + "../" * path.count("/"))
    said = {part.strip() for part in text.split("\n\n")}
    assert len(told) > 20
    assert [part for part in told if part.strip() not in said] == []


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ('<a href="https://a.b/c">a link to follow</a>', []),
        ('<script src="../c.js"></script><img src="d.svg">', []),
        ('<svg xmlns="http://www.w3.org/2000/svg"></svg>', []),
        ('<script defer src="https://a.b/c.js"></script>', ["https://a.b/c.js"]),
        ("<link rel=stylesheet href=//a.b/c.css>", ["//a.b/c.css"]),
        ("<img alt=\"x\" src='http://a.b/c.png'>", ["http://a.b/c.png"]),
        ('@import "https://a.b/c.css";', ["https://a.b/c.css"]),
        ("@font-face { src: url(https://a.b/c.woff2) }", ["https://a.b/c.woff2"]),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(docs, text, addresses):
    assert docs.remote(text) == addresses


def test_a_built_site_that_loads_from_elsewhere_is_a_warning(docs, tmp_path, caplog):
    (tmp_path / "page.html").write_text('<script src="https://a.b/c.js"></script>')
    (tmp_path / "other.html").write_text('<script src="c.js"></script>')

    docs.on_post_build(SimpleNamespace(site_dir=tmp_path))

    assert [record.getMessage() for record in caplog.records] == [
        "page.html loads from elsewhere: https://a.b/c.js"
    ]


def test_the_navigation_leads_to_every_page(docs, pages):
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    config = SimpleNamespace(nav=yaml.safe_load(text)["nav"])

    docs.on_config(config)

    listed = set(paths(config.nav))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert listed == {*pages, *written} - {"claims.md", "functions.md"}


def paths(nav):
    if isinstance(nav, str):
        yield nav
    else:
        for entry in nav.values() if isinstance(nav, dict) else nav:
            yield from paths(entry)


def test_the_remedies_of_a_rule_are_counted_across_their_code(pages):
    html = markdown.markdown(pages["rules/dead-units.md"], extensions=["pymdownx.superfences"])

    (remedies,) = re.findall(r"<ol>.*?</ol>", html, re.DOTALL)
    assert remedies.count("<li>") == 3
    assert remedies.count("<pre>") == 3


def test_the_examples_of_the_hook_run(docs):
    assert doctest.testmod(docs) == (0, 2)
