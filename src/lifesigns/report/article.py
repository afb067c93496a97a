"""Self-contained HTML pages: text, tables and charts in one file that opens without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

from lifesigns.report.figures import Spec
from lifesigns.report.language import Language
from lifesigns.report.shell import digest, on_page, style


class Article:
    """A page that is written from top to bottom."""

    def __init__(self, title: str, language: Language = Language.ENGLISH) -> None:
        self._title, self._language = title, language
        self._body: list[str] = [f"<h1>{html.escape(title)}</h1>"]
        self._specs: list[Spec] = []

    def heading(self, text: str) -> None:
        """A heading of the second level.

        Args:
            text: Plain; it is escaped.
        """
        self._body.append(f"<h2>{html.escape(text)}</h2>")

    def paragraph(self, text: str, *, note: bool = False) -> None:
        """A paragraph of plain text.

        Args:
            text: Plain; it is escaped.
            note: Whether it is set smaller and paler.
        """
        kind = ' class="note"' if note else ""
        self._body.append(f"<p{kind}>{html.escape(text)}</p>")

    def items(self, texts: Sequence[str]) -> None:
        """A list.

        Args:
            texts: Plain; each is escaped.
        """
        each = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
        self._body.append(f"<ul>{each}</ul>")

    def code(self, text: str) -> None:
        """Text as it stands, in fixed width.

        Args:
            text: Plain; it is escaped, and line feeds stay.
        """
        self._body.append(f"<pre>{html.escape(text)}</pre>")

    def table(self, rows: Sequence[Mapping[str, str]], *, numbers: Sequence[str] = ()) -> None:
        """A table; the keys of the first row are its head, the columns `numbers` align right.

        Args:
            rows: All with the keys of the first; none makes an empty table.
            numbers: Keys of the columns that hold numbers.
        """
        heads = list(rows[0]) if rows else []

        def cells(tag: str, texts: Mapping[str, str]) -> str:
            return "".join(
                f"<{tag}{_number(head in numbers)}>{html.escape(texts[head])}</{tag}>"
                for head in heads
            )

        head = cells("th", {name: name for name in heads})
        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
        self._body.append(
            f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def figure(self, spec: Spec, caption: str = "") -> None:
        """A Vega-Lite chart.

        Args:
            spec: Drawn when the page is opened.
            caption: What the figure shows; empty for none.
        """
        self._specs.append(spec)
        words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._body.append(f'<figure tabindex="0"><div class="chart"></div>{words}</figure>')

    def markup(self, text: str) -> None:
        """HTML that was made elsewhere, such as inline SVG or MathML; not escaped.

        Args:
            text: Trusted as it is.
        """
        self._body.append(text)

    def render(self, *others: Article) -> str:
        """The whole file.

        Args:
            others: The same page in other languages: buttons show one or another.
        """
        specs = [spec for page in (self, *others) for spec in page._specs]
        scripts = [*([_vega(), _drawing(specs)] if specs else []), *([_SWITCH] if others else [])]
        head = f'<html lang="{self._language.value}"><head><meta charset="utf-8">'
        return "\n".join(
            [
                f"<!doctype html>\n{head}",
                f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{html.escape(self._title)}</title>",
                f"<style>{style('article.css')}</style></head><body><main>",
                *(_switched((self, *others)) if others else self._body),
                *(f"<script>{script}</script>" for script in scripts),
                "</main></body></html>\n",
            ]
        )


def _switched(pages: Sequence[Article]) -> Iterator[str]:
    """Buttons, and all pages, of which the first is shown."""
    yield '<p class="switches">'
    for page in pages:
        language, is_shown = page._language, str(page is pages[0]).lower()
        button = f'<button type="button" lang="{language.value}" aria-pressed="{is_shown}">'
        yield f"{button}{language.own_name}</button>"
    yield "</p>"
    for page in pages:
        yield f'<article lang="{page._language.value}"{"" if page is pages[0] else " hidden"}>'
        yield from page._body
        yield "</article>"


_SWITCH = """
const pages = document.querySelectorAll("main > article");
const buttons = document.querySelectorAll(".switches button");
buttons.forEach((button, chosen) => button.addEventListener("click", () => {
  pages.forEach((page, i) => { page.hidden = i !== chosen; });
  buttons.forEach((other, i) => other.setAttribute("aria-pressed", i === chosen));
  document.documentElement.lang = button.lang;
  document.title = pages[chosen].querySelector("h1").textContent;
  window.drawCharts?.();
}));
"""

_DRAW = """
const options = {renderer: "svg", defaultStyle: false, tooltip: {disableDefaultStyle: true},
  actions: {export: {svg: true, png: false}, source: false, compiled: false, editor: false}};
const charts = document.querySelectorAll(".chart");
const column = document.querySelector("main").clientWidth;
const lines = new RegExp(`.{1,${Math.floor(column / 7)}}(?: |$)`, "g");
window.drawCharts = () => SPECS.forEach((spec, number) => {
  if (charts[number].closest("[hidden]") || charts[number].childElementCount) return;
  if (spec.columns) spec.columns = Math.max(1, Math.min(spec.columns, Math.floor(column / 300)));
  if (spec.title?.subtitle) spec.title.subtitle = spec.title.subtitle.match(lines);
  if (column < 560) spec.config.legend.orient = "bottom";
  vegaEmbed(charts[number], spec, options);
});
drawCharts();
"""


def _drawing(specs: Sequence[Spec]) -> str:
    """Draws the charts that can be seen; one that cannot has no width."""
    text = json.dumps([on_page(spec) for spec in specs])
    return _script(_DRAW.replace("SPECS", text))


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded; Vega compiles the expressions of a chart and sets styles of its own."""
    allowed = " ".join([*map(digest, scripts), "'unsafe-eval'"]) if scripts else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _vega() -> str:
    file = resources.files("lifesigns.report").joinpath("vega").joinpath("vega.min.js")
    return file.read_text(encoding="utf-8")


def _script(text: str) -> str:
    """JSON and calls that cannot end the script element they stand in."""
    return text.replace("</", "<\\/").replace("<!--", "<\\u0021--")


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""
