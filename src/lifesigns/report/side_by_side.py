"""Both languages side by side: the glossary for readers, and every pair of texts for reviewers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from lifesigns.locale import FOLDER, translated
from lifesigns.locale.templates import sentences_of
from lifesigns.report.language import Language
from lifesigns.report.wording import translation
from lifesigns.rules import Rule, built_in_rules

TITLES = {
    Language.ENGLISH: ("Glossary", "One Chinese term for each word of the subject.",
                       ("English", "Chinese", "Meaning")),
    Language.CHINESE: ("术语表", "本项目的中文文字统一用这些术语。", ("英文", "中文", "含义")),
}  # fmt: skip
PAIRS = "# Every text, side by side"
ABOUT = (
    "For reviewers of the Chinese. Made from `src/lifesigns/locale/zh`; names in braces stand for "
    "names and numbers of a run."
)


def glossary(language: Language) -> str:
    """The glossary as a page.

    Args:
        language: Of its title and heads.
    """
    title, about, heads = TITLES[language]
    rows = (
        (english, *other) for english, other in (translated("zh", "", "glossary") or {}).items()
    )
    return f"# {title}\n\n{about}\n\n{_table(heads, rows)}\n"


def pairs() -> str:
    """All texts that are looked up by the English ones, and all manual pages."""
    parts = [PAIRS, ABOUT]
    for folder in ("phrases", "claims", "remedies", "rules"):
        for path in sorted((FOLDER / "zh" / folder).glob("*.toml")):
            known = sentences_of("zh", (folder, path.stem))
            rows = [(a, b) for a, b in known.items() if isinstance(b, str)]
            if rows:
                parts += [f"## {folder}: {path.stem}", _table(("English", "Chinese"), rows)]
    for rule in built_in_rules():
        parts += [f"## page: {rule.name}", _table(("English", "Chinese"), _page(rule))]
    return "\n\n".join(parts) + "\n"


def _page(rule: Rule) -> Iterator[tuple[str, str]]:
    texts = translation(rule, Language.CHINESE) or {}
    yield rule.title, texts.get("title", "")
    yield rule.why, texts.get("why", "")
    page = texts.get("page", {})
    yield from ((getattr(rule, key), page.get(key, "")) for key in ("sees", "evidence", "ignore"))
    yield from ((c.name, name) for c, name in zip(rule.cases, page.get("cases", ()), strict=False))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "&#124;")
