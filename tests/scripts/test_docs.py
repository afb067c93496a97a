"""The pages of the documentation are made from the rules, all of them and nothing else."""

import importlib.util
import re
from pathlib import Path

import pytest

from lifesigns.report.language import Language
from lifesigns.report.wording import phrases_in
from lifesigns.rules import built_in_rules

ROOT = Path(__file__).parents[2]
PLACES = {Language.ENGLISH: ("rules.md", "rules"), Language.CHINESE: ("rules.zh.md", "rules/zh")}
"""Index and folder of the pages."""

each_language = pytest.mark.parametrize("language", Language)


@pytest.fixture(scope="module")
def docs():
    spec = importlib.util.spec_from_file_location("scripts_docs", ROOT / "scripts/docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(docs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    docs.write(folder)
    return folder


@each_language
def test_the_index_links_to_a_page_for_each_rule_and_every_page_is_linked(folder, language):
    index, pages = PLACES[language]

    links = re.findall(r"\]\((.*?)\)", (folder / index).read_text(encoding="utf-8"))

    assert {folder / link for link in links} == set((folder / pages).glob("*.md"))
    assert len(links) == len(built_in_rules())


@each_language
@pytest.mark.parametrize("rule", built_in_rules(), ids=lambda rule: rule.name)
def test_a_page_has_text_under_each_heading(folder, rule, language):
    page = (folder / PLACES[language][1] / f"{rule.name}.md").read_text(encoding="utf-8")

    _, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    said = dict(part.split("\n", 1) for part in parts)
    assert list(said) == list(phrases_in(language).headings)
    assert [heading for heading, text in said.items() if not text.strip()] == []


def test_every_link_between_pages_leads_somewhere(folder):
    for page in (folder / "rules").rglob("*.md"):
        links = re.findall(r"\]\(([\w-]+\.md)\)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_of_a_rule_that_is_gone_is_removed(docs, tmp_path):
    (tmp_path / "rules/zh").mkdir(parents=True)
    gone = [tmp_path / folder / "renamed-since.md" for folder in ("rules", "rules/zh")]
    for page in gone:
        page.write_text("# OPT999")

    docs.write(tmp_path)

    assert not any(page.exists() for page in gone)


def test_pages_are_not_committed_so_that_a_new_rule_touches_two_files():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()

    assert {"docs/rules.md", "docs/rules.zh.md", "docs/rules/"} <= set(ignored)
