"""A topic's page for a browser: formulas as MathML, the claims' charts, no network."""

from __future__ import annotations

from html import escape
from itertools import groupby

from lifesigns._errors import extra
from lifesigns.claims._words import Words
from lifesigns.claims.topics._page import Block, Explained, Item, Pointer, Prose, TopicPage
from lifesigns.claims.topics._topic import Formula
from lifesigns.report.article import Article
from lifesigns.report.language import Language


def html(page: TopicPage, *others: TopicPage) -> str:
    """The whole file.

    Args:
        page: With its numbers and figures.
        others: The same in other languages, which its reader can switch to.

    Returns:
        HTML that needs no network.
    """
    return _sheet(page).render(*map(_sheet, others))


def _sheet(page: TopicPage) -> Article:
    sheet = Article(page.title, page.language)
    for section in page.sections:
        sheet.heading(section.heading)
        for kind, blocks in groupby(section.blocks, type):
            if kind is Item:
                sheet.items([block.text for block in blocks if isinstance(block, Item)])
                continue
            for block in blocks:
                _add(sheet, block, page.language)
    return sheet


def _add(sheet: Article, block: Block, language: Language) -> None:
    if isinstance(block, Explained):
        sheet.markup(mathml(block.formula))
        sheet.paragraph(block.letters)
    elif isinstance(block, Pointer):
        sheet.markup(
            f"<p><strong>{escape(block.name)}</strong><br>{escape(block.says)}<br>"
            f"<code>{escape(block.command)}</code></p>"
        )
        for figure in block.figures:
            sheet.figure(figure, say=Words(language, block.name).said)
    elif isinstance(block, Prose):
        sheet.paragraph(block.text, note=block.is_note)


def mathml(formula: Formula) -> str:
    """The formula as MathML; its plain text is what a reader without MathML gets.

    Args:
        formula: In LaTeX, and in plain text for the `alttext`.

    Returns:
        A `<math>` element, to stand on a line of its own.

    Raises:
        MissingExtraError: The extra `lab` is not installed.
    """
    with extra("lab"):
        from latex2mathml.converter import convert

    made = convert(formula.latex, display="block")
    return made.replace("<math ", f'<math alttext="{escape(formula.text)}" ', 1)
