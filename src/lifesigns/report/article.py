"""Self-contained HTML pages: text, tables and charts in one file that opens without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from lifesigns.report.figures import Spec
from lifesigns.report.language import Language
from lifesigns.report.shell import digest, on_page, style

Say = Callable[[str], str]
"""An English text in the language of a page."""


class Article:
    """A page that is written from top to bottom, in one language."""

    def __init__(self, title: str, language: Language = Language.ENGLISH) -> None:
        self._title, self._language = title, language
        self._body: list[str | _Chart] = [f"<h1>{html.escape(title)}</h1>"]

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

    def code(self, text: str, *, told: bool = False) -> None:
        """Text as it stands, in fixed width.

        Args:
            text: Plain; it is escaped, and line feeds stay.
            told: Whether it is sentences and may be folded.
        """
        kind = ' class="told"' if told else ""
        self._body.append(f"<pre{kind}>{html.escape(text)}</pre>")

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

    def figure(self, spec: Spec, caption: str = "", *, say: Say = str) -> None:
        """A Vega-Lite chart.

        Args:
            spec: Drawn when the page is opened.
            caption: What the figure shows; empty for none.
            say: How the words inside it are said in the language of the page.
        """
        self._body.append(_Chart(spec, caption, say))

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
        pages = (self, *others)
        charts = [part for page in pages for part in page._body if isinstance(part, _Chart)]
        specs = {id(chart.spec): chart.spec for chart in charts}
        numbers = {key: number for number, key in enumerate(specs)}
        drawing = [_vega(), _drawing([*specs.values()], [page._words() for page in pages])]
        scripts = [*(drawing if specs else []), *([_SWITCH] if others else [])]
        head = f'<html lang="{self._language.value}"><head><meta charset="utf-8">'
        return "\n".join(
            [
                f"<!doctype html>\n{head}",
                f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                f"<title>{html.escape(self._title)}</title>",
                f"<style>{style('article.css')}</style></head><body><main>",
                *(_switches(pages) if others else []),
                *(line for page in pages for line in page._lines(numbers, page is self, others)),
                *(f"<script>{script}</script>" for script in scripts),
                "</main></body></html>\n",
            ]
        )

    def _lines(
        self, numbers: Mapping[int, int], is_shown: bool, others: Sequence[Article]
    ) -> Iterator[str]:
        hidden = "" if is_shown else " hidden"
        if others:
            yield f'<article lang="{self._language.value}"{hidden}>'
        for part in self._body:
            yield part if isinstance(part, str) else part.markup(numbers[id(part.spec)])
        if others:
            yield "</article>"

    def _words(self) -> list[dict[str, str]]:
        """What stands inside the charts of this page, in its language."""
        return [part.words() for part in self._body if isinstance(part, _Chart)]


@dataclass(frozen=True)
class _Chart:
    """Stands in a page where a chart is drawn when it is opened."""

    spec: Spec
    caption: str
    say: Say

    def words(self) -> dict[str, str]:
        """Texts of the page by the English ones, where they are not the same."""
        said = {text: self.say(text) for text in dict.fromkeys(texts_of(self.spec))}
        return {text: other for text, other in said.items() if other != text}

    def markup(self, number: int) -> str:
        """The element that the chart is drawn into.

        Args:
            number: Of the chart among those of the file.
        """
        caption = html.escape(self.caption)
        words = f"<figcaption>{caption}</figcaption>" if self.caption else ""
        place = f'<div class="chart" data-chart="{number}"></div>'
        return f'<figure tabindex="0">{place}{words}</figure>'


def texts_of(part: object) -> Iterator[str]:
    """What stands for a reader in a chart: titles, and words among its data.

    Args:
        part: A chart, or a part of one.
    """
    if isinstance(part, str):
        yield from () if part.startswith(_UNREAD) else (part,)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            yield from texts_of(value) if key in _READ or isinstance(value, _NESTED) else ()
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for each in part:
            yield from _texts_of_row(each)


def _texts_of_row(row: object) -> Iterator[str]:
    """Of a row of data every word is read; of anything else its titles."""
    is_row = isinstance(row, Mapping) and not any(isinstance(v, _NESTED) for v in row.values())
    if is_row and isinstance(row, Mapping):
        for value in row.values():
            yield from texts_of(value) if isinstance(value, str) else ()
    else:
        yield from texts_of(row)


def _switches(pages: Sequence[Article]) -> Iterator[str]:
    """Buttons that show one page or another; the first one is shown."""
    yield '<p class="switches">'
    for page in pages:
        language, is_shown = page._language, str(page is pages[0]).lower()
        button = f'<button type="button" lang="{language.value}" aria-pressed="{is_shown}">'
        yield f"{button}{language.own_name}</button>"
    yield "</p>"


_UNREAD = ("data:", "datum[", "#")
"""Beginnings of pictures, formulas and colours."""
_READ = ("title", "subtitle", "text")
_NESTED = (dict, list, tuple)

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
const CHINESE = {SVG_ACTION: "\\u5b58\\u4e3a SVG", CLICK_TO_VIEW_ACTIONS: "\\u64cd\\u4f5c"};
const charts = document.querySelectorAll(".chart");
const column = document.querySelector("main").clientWidth;
const wide = (text) => /[\u3000-\u9fff\uff00-\uffef]/.test(text);
const broken = (text, size = 7, room = column) => {
  const most = Math.floor(room / (wide(text) ? 2 * size : size));
  return text.match(new RegExp(wide(text) ? `.{1,${most}}` : `.{1,${most}}(?: |$)`, "g"));
};
const kept = new Set(["field", "as", "type", "mark", "calculate", "orient", "anchor", "$schema"]);
const inWords = (part, words) => {
  if (typeof part === "string") return words[part] ?? part;
  if (Array.isArray(part)) return part.map((each) => inWords(each, words));
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) =>
    [key, kept.has(key) ? value : inWords(value, words)]));
};
const words = WORDS.flat();
window.drawCharts = () => charts.forEach((chart, index) => {
  if (chart.closest("[hidden]") || chart.childElementCount) return;
  const spec = inWords(SPECS[chart.dataset.chart], words[index]);
  if (spec.columns) spec.columns = Math.max(1, Math.min(spec.columns, Math.floor(column / 300)));
  if (spec.title?.subtitle) spec.title.subtitle = broken(spec.title.subtitle);
  if (spec.title?.text) spec.title.text = broken(spec.title.text, 8.5);
  if (column < 560) narrowed(spec);
  vegaEmbed(chart, spec, {...options, i18n: chart.closest("[lang=zh]") ? CHINESE : {}});
});
const narrowed = (spec) => {
  spec.config.legend = {...spec.config.legend, orient: "bottom", columns: 1, titleLimit: column};
  spec.config.axis = {...spec.config.axis, labelLimit: Math.floor(column / 3)};
  const y = spec.encoding?.y;
  if (y?.axis?.labelLimit) folded(y, spec, Math.floor(column * 0.45));
  if (spec.width?.step) spec.width = {step: Math.min(spec.width.step, Math.floor(column / 6))};
};
const folded = (y, spec, room) => {
  y.axis.labelLimit = room;
  const names = spec.data.values.map((row) => row[y.field]);
  const lines = names.map((name) => [name, broken(String(name), 6, room)]);
  if (lines.every(([, parts]) => !parts?.[1])) return;
  y.axis.labelExpr = `(${JSON.stringify(Object.fromEntries(lines))})[datum.label]`;
  spec.height = {step: 15 * Math.max(...lines.map(([, parts]) => parts?.length ?? 1)) + 6};
};
drawCharts();
"""


def _drawing(specs: Sequence[Spec], words: Sequence[Sequence[Mapping[str, str]]]) -> str:
    """Draws the charts that can be seen; one that cannot has no width."""
    texts = json.dumps([on_page(spec) for spec in specs]), json.dumps(words)
    drawing = _DRAW.replace("SPECS", "specs").replace("WORDS", "saidIn")
    return _script(f"const specs = {texts[0]};\nconst saidIn = {texts[1]};\n{drawing}")


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
