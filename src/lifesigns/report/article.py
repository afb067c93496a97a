"""Self-contained HTML pages: text, tables and charts in one file that opens without a network."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from lifesigns.report.figures import Spec

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; overflow-x: auto; } figcaption { color: #555; font-size: .92rem; }
pre, code { background: #f4f4f4; } pre { padding: .8rem; overflow-x: auto; }
.note { color: #555; }
"""


class Article:
    """A page that is written from top to bottom."""

    def __init__(self, title: str, language: str = "en") -> None:
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
        self._body.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def figure(self, spec: Spec, caption: str = "") -> None:
        """A Vega-Lite chart.

        Args:
            spec: Drawn when the page is opened.
            caption: What the figure shows; empty for none.
        """
        number = len(self._specs)
        self._specs.append(spec)
        words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._body.append(f'<figure><div id="figure{number}"></div>{words}</figure>')

    def markup(self, text: str) -> None:
        """HTML that was made elsewhere, such as inline SVG or MathML; not escaped.

        Args:
            text: Trusted as it is.
        """
        self._body.append(text)

    def render(self) -> str:
        """The whole file."""
        parts = [
            f'<!doctype html>\n<html lang="{self._language}"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(self._title)}</title><style>{_STYLE}</style></head><body>",
            *self._body,
        ]
        if self._specs:
            parts.append(f"<script>{_vega()}</script><script>{self._calls()}</script>")
        return "\n".join([*parts, "</body></html>\n"])

    def _calls(self) -> str:
        options: dict[str, Any] = {"actions": {"export": True, "source": False, "compiled": False,
                                               "editor": False}}  # fmt: skip
        return _script(
            "".join(
                f'vegaEmbed("#figure{number}",{json.dumps(spec)},{json.dumps(options)});\n'
                for number, spec in enumerate(self._specs)
            )
        )


def _vega() -> str:
    file = resources.files("lifesigns.report").joinpath("vega").joinpath("vega.min.js")
    return file.read_text(encoding="utf-8")


def _script(text: str) -> str:
    """JSON and calls that cannot end the script element they stand in."""
    return text.replace("</", "<\\/").replace("<!--", "<\\u0021--")


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""
