"""The pages of the documentation that are made from the code: a hook of MkDocs.

`mkdocs serve` and `mkdocs build` add a page for each rule, function, claim and topic, one of the
remedies, the tour, which is a part of the README, and the playground itself. They are written
nowhere, so what they say has one place to change.
In `nav` of `mkdocs.yml` a name that ends in a slash stands for all pages made in that folder.
A built site that loads anything from another place is a warning, which `--strict` makes an error.
"""

from __future__ import annotations

import inspect
import logging
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from lifesigns.claims import Claim, Done, Measurement, Result, all_claims
from lifesigns.claims._words import Words
from lifesigns.claims.topics import Topic, all_topics
from lifesigns.claims.topics._html import mathml
from lifesigns.claims.topics._page import Block, Explained, Item, Pointer, page_of
from lifesigns.locale.spoken import said_in
from lifesigns.play.file import play_html
from lifesigns.remedies import EDITS, all_manuals
from lifesigns.remedies import markdown as remedies_page
from lifesigns.report.functions import page_of as function_of
from lifesigns.report.functions_html import drawing
from lifesigns.report.functions_text import markdown as functions_index
from lifesigns.report.language import Language
from lifesigns.report.manual import index as rules_index
from lifesigns.report.manual import markdown as rule_page
from lifesigns.report.side_by_side import glossary, pairs
from lifesigns.rules import built_in_rules

ROOT = Path(__file__).parents[1]
FOLDERS = {Language.ENGLISH: "", Language.CHINESE: "zh/"}
OTHER = {Language.ENGLISH: Language.CHINESE, Language.CHINESE: Language.ENGLISH}
TOURS = {
    "tour.md": ("A tour", "README.md", "Try it", "Five minutes"),
    "zh/tour.md": ("入门", "README.zh.md", "试一试", "五分钟上手"),
}
"""Title, README, and the headings of its sections that make the tour."""
TOPICS = {
    Language.ENGLISH: (
        "Topics of the textbook",
        "Each page teaches one topic, with numbers measured by the [claims](../claims/index.md). "
        "`lifesigns explain TOPIC` measures them on your machine; `--html FILE` adds the charts.",
    ),
    Language.CHINESE: (
        "教科书里的知识点",
        "每页讲一个知识点，数字由[实验](../claims/index.md)测得。"
        "`lifesigns explain TOPIC --lang zh` 在你的机器上重新测量；加 `--html FILE` 还有图。",
    ),
}
"""Title of their list and what stands beneath it."""

log = logging.getLogger("mkdocs.hooks.docs")


# --- the hook -------------------------------------------------------------------------------------
def on_config(config: MkDocsConfig) -> None:
    """Puts the pages made in a folder where `nav` has its name and a slash."""
    config.nav = _unfolded(config.nav)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Adds the pages."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    files.append(File.generated(config, "playground.html", content=play_html()))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Says which pages are Chinese, for fonts and for screen readers."""
    chinese = page.file.src_uri.startswith(FOLDERS[Language.CHINESE])
    return output.replace('<html lang="en"', '<html lang="zh"', 1) if chinese else output


def on_post_build(config: MkDocsConfig) -> None:
    """Warns of what the built site would load from another place."""
    site = Path(config.site_dir)
    for path in sorted(
        each for each in site.rglob("*") if each.suffix in (".html", ".css", ".svg")
    ):
        for address in remote(path.read_text(encoding="utf-8")):
            log.warning("%s loads from elsewhere: %s", path.relative_to(site), address)


REMOTE = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio|use|image|object|embed)\b[^>]*?"
    r"\b(?:src|href|srcset|data|poster)\s*=\s*[\"']?(?P<tag>(?:https?:)?//[^\s\"'>]+)"
    r"|url\(\s*[\"']?(?P<style>(?:https?:)?//[^\s\"')]+)"
    r"|@import\s+[\"'](?P<sheet>(?:https?:)?//[^\s\"']+)"
)


def remote(text: str) -> list[str]:
    """Addresses that a browser fetches from elsewhere to show this; links to follow do not count.

    Example:
        >>> remote('<a href="https://a.b/">a</a> <img src="https://c.d/e.png">')
        ['https://c.d/e.png']
    """
    return [match[match.lastgroup or 0] for match in REMOTE.finditer(text)]


def _unfolded(entry: object) -> object:
    if isinstance(entry, list):
        return [_unfolded(each) for each in entry]
    if isinstance(entry, dict):
        return {title: _unfolded(inner) for title, inner in entry.items()}
    if isinstance(entry, str) and entry.endswith("/"):
        return [path for path in pages() if path.startswith(entry)]
    return entry


# --- all pages ------------------------------------------------------------------------------------
@cache
def pages() -> Mapping[str, str]:
    """Markdown by path, in order; of what this package holds, whatever else is installed."""
    languages = (Language.ENGLISH, Language.CHINESE)
    tours = {path: tour(*source, depth=path.count("/")) for path, source in TOURS.items()}
    topics = [page for language in languages for page in _topics(language)]
    rules = [page for language in languages for page in _rules(language)]
    functions = [page for language in languages for page in _functions(language)]
    claims = [page for language in languages for page in _claims(language)]
    remedies = [_remedies(language) for language in languages]
    words = [(f"{FOLDERS[each]}glossary.md", glossary(each)) for each in languages]
    texts = ("zh/texts.md", pairs())
    return tours | dict([*topics, *rules, *functions, *claims, *remedies, *words, texts])


def tour(title: str, readme: str, *headings: str, depth: int) -> str:
    """The picture of a README and its sections of these headings."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    bodies = dict(section.split("\n", 1) for section in sections)
    pictures = re.findall(r"^!\[.*$", head, re.MULTILINE)
    told = (f"## {name}\n\n{bodies[name].strip()}" for name in headings)
    return "\n\n".join([f"# {title}", *pictures, *told]).replace("](docs/", "](" + "../" * depth)


def _rules(language: Language) -> Iterator[tuple[str, str]]:
    rules, folder = built_in_rules(), f"{FOLDERS[language]}rules"
    index = rules_index(rules, language, ".")
    yield f"{folder}/index.md", _switched(index, language, "rules/index.md")
    for rule in rules:
        page = rule_page(rule, language)
        yield f"{folder}/{rule.name}.md", _switched(page, language, f"rules/{rule.name}.md")


def _switched(page: str, language: Language, path: str) -> str:
    """The page with a link to the other language beneath its title."""
    here, there = (f"{FOLDERS[each]}{path}" for each in (language, OTHER[language]))
    address = posixpath.relpath(there, posixpath.dirname(here) or ".")
    return page.replace("\n", f"\n\n[{OTHER[language].own_name}]({address})\n", 1)


def _remedies(language: Language) -> tuple[str, str]:
    page = remedies_page(all_manuals(), EDITS, language.value)
    return f"{FOLDERS[language]}remedies.md", _switched(page, language, "remedies.md")


# --- functions ------------------------------------------------------------------------------------
def _functions(language: Language) -> Iterator[tuple[str, str]]:
    index, folder = functions_index(language), f"{FOLDERS[language]}functions"
    linked = re.sub(r"^\| `(\w+)` \|", r"| [`\1`](\1.md) |", index, flags=re.MULTILINE)
    yield f"{folder}/index.md", _switched(linked, language, "functions/index.md")
    for name in re.findall(r"\]\((\w+)\.md\)", linked):
        page = function_page(name, language)
        yield f"{folder}/{name}.md", _switched(page, language, f"functions/{name}.md")


def function_page(name: str, language: Language) -> str:
    """What `lifesigns functions NAME` shows; without costs, which are a machine's own."""

    def say(text: str) -> str:
        return said_in(language.value, text, "functions")

    page = function_of(name)
    curve = page.curve and replace(page.curve, titles=tuple(map(say, page.curve.titles)))
    curves = [drawing(say(f"of {name}"), curve, which) for which in (0, 1)] if curve else []
    facts = (f"| {say(label)} | {_cell(label, say(fact))} |" for label, fact in page.facts)
    table = ["| | |\n| --- | --- |", *facts]
    parts = [
        f"# {name}",
        f"*{say(page.kind)}*",
        f"`{say(page.formula)}`",
        _plain(say(page.about)),
        f'<div class="curves">{"".join(curves)}</div>' if curves else "",
        "\n".join(table),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(label: str, said: str) -> str:
    shown = f"`{said}`" if label == "in PyTorch" else _plain(said)
    return shown.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    """Text in which Markdown sees nothing but text."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text).replace("<", "&lt;")


# --- claims ---------------------------------------------------------------------------------------
def _claims(language: Language) -> Iterator[tuple[str, str]]:
    (head, verdicts), folder = measured(), f"{FOLDERS[language]}claims"
    missing = [f"[{c.name}]({c.name}.md)" for c in all_claims() if c.name not in verdicts]
    say = Words(language).said
    note = f"\n{say('Not in this table yet')}: {', '.join(missing)}.\n" if missing else ""
    index = re.sub(r"\]\(#([\w-]+)\)", r"](\1.md)", _index_in(language, head)) + note
    yield f"{folder}/index.md", _switched(index, language, "claims/index.md")
    for claim in all_claims():
        page = claim_page(claim, verdicts.get(claim.name, ""), language)
        yield f"{folder}/{claim.name}.md", _switched(page, language, f"claims/{claim.name}.md")


def _index_in(language: Language, head: str) -> str:
    """The table of `docs/claims.md` and what stands above it."""
    say = Words(language).said
    if language is Language.ENGLISH:
        return head
    title, *told, table = head.strip().split("\n\n")
    sentences = (part for text in told for part in re.split(r"(?<=\.) (?=lifesigns )", text))
    rows = (re.sub(r"(?<=\| )[A-Za-z ]+(?= \|)|[\d.]+ s(?= \|$)", lambda cell: say(cell[0]), row)
            for row in table.split("\n"))  # fmt: skip
    heading = f"# {say(title.removeprefix('# '))}"
    return "\n\n".join([heading, *map(say, sentences), "\n".join(rows)]) + "\n"


def claim_page(claim: Claim, verdict: str, language: Language) -> str:
    """A claim with its numbers, if it has been measured, and the code of its experiment."""
    say = Words(language, claim.name).said
    parts = [
        f"# {claim.name}",
        _verdict_in(language, claim, verdict) if verdict else _of_claim(claim, language),
        f"## {say('Run it')}\n\n```\nlifesigns claims {claim.name}\n```",
        f"## {say('The experiment')}\n\n```python\n{_source(claim)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _of_claim(claim: Claim, language: Language) -> str:
    say = Words(language, claim.name).said
    text, source, published = map(say, (_plain(claim.text), claim.source, claim.published))
    if language is Language.ENGLISH:
        return f"*{text}* ({source}; published: {published})"
    return f"*{text}*（{source}；{say('Published')}：{published}）"


def _verdict_in(language: Language, claim: Claim, verdict: str) -> str:
    """What `docs/claims.md` says of a claim, sentence by sentence."""
    if language is Language.ENGLISH:
        return verdict.strip()
    say = Words(language, claim.name).said
    _, *rest = verdict.strip().split("\n\n")
    told = [_numbers_in(say, part) if part.startswith("- ") else _said_of(say, part)
            for part in rest]  # fmt: skip
    return "\n\n".join([_of_claim(claim, language), *told])


def _said_of(say: Callable[[str], str], text: str) -> str:
    """An explanation, or a correction behind its label."""
    label, found, corrected = text.partition("Correction: ")
    return f"{say('Correction')}：{say(corrected)}" if found and not label else say(text)


def _numbers_in(say: Callable[[str], str], bullets: str) -> str:
    lines = []
    for found in BULLET.finditer(bullets):
        low, high = found["low"], found["high"]
        interval = say("({low} to {high})").format(low=low, high=high) if low else ""
        met = f"；**{say('not met')}**" if found["unmet"] else ""
        value = f"{found['value']}{interval}（{say('expected')}{say(found['expected'])}{met}）"
        lines.append(f"- {say(found['name'])}：{value}")
    return "\n".join(lines)


def _source(claim: Claim) -> str:
    return inspect.getsource(sys.modules[claim.experiment.__module__])


@cache
def measured() -> tuple[str, Mapping[str, str]]:
    """The table of `docs/claims.md`, and what stands there about each claim."""
    text = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return head, dict(section.split("\n", 1) for section in sections)


NUMBER = r"^- (?P<name>.+): (?P<value>\S+)(?: \((?P<low>\S+) to (?P<high>\S+)\))? \(expected "
BULLET = re.compile(NUMBER + r"(?P<expected>.*?)(?P<unmet>; \*\*not met\*\*)?\)$", re.M)


def measurements(verdict: str) -> tuple[Measurement, ...]:
    """The numbers of a claim, read from its verdict.

    Example:
        >>> [m.value for m in measurements("- share: all: 0.5 (0.4 to 0.6) (expected below 1)")]
        [0.5]
    """
    return tuple(
        Measurement(said["name"], _number(said["value"]), "", True,
                    _number(said["low"] or "nan"), _number(said["high"] or "nan"))
        for said in BULLET.finditer(verdict)
    )  # fmt: skip


def _number(text: str) -> float:
    return float("inf") if text == "never" else float(text)


# --- topics ---------------------------------------------------------------------------------------
def _topics(language: Language) -> Iterator[tuple[str, str]]:
    folder, (title, lead) = f"{FOLDERS[language]}topics", TOPICS[language]
    links = (f"- [{topic.words(language).title}]({topic.name}.md)" for topic in all_topics())
    index = "\n".join([f"# {title}\n\n{lead}\n", *links]) + "\n"
    yield f"{folder}/index.md", _switched(index, language, "topics/index.md")
    for topic in all_topics():
        page = topic_page(topic, language)
        yield f"{folder}/{topic.name}.md", _switched(page, language, f"topics/{topic.name}.md")


def topic_page(topic: Topic, language: Language) -> str:
    """The page of `lifesigns explain TOPIC` with the numbers of `docs/claims.md`."""
    verdicts = measured()[1]
    done = {claim.name: _done(claim, verdicts.get(claim.name, "")) for claim in all_claims()}
    page = page_of(topic, language, done)
    parts = [f"# {page.title}"]
    for section in page.sections:
        shown = [block for block in section.blocks if not getattr(block, "is_note", False)]
        parts += [f"## {section.heading}", *(_block(block, language) for block in shown)]
    return "\n\n".join(parts) + "\n"


def _done(claim: Claim, verdict: str) -> Done:
    found = measurements(verdict)
    result = Result(found, explanation="", figure={}) if found else None
    return Done(claim, result, seconds=0.0, cached=True, reason="not measured yet")


def _block(block: Block, language: Language) -> str:
    if isinstance(block, Explained):
        return f'<div class="formula">{mathml(block.formula)}</div>\n\n{_plain(block.letters)}'
    if isinstance(block, Pointer):
        folder = "../claims" if block.command.startswith("lifesigns claims") else "../rules"
        link = f"[{block.name}]({folder}/{block.name.split()[-1]}.md)"
        return f"**{link}**: {_plain(block.says)}"
    return f"- {_plain(block.text)}" if isinstance(block, Item) else _plain(block.text)
