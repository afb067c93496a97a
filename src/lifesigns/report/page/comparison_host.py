"""The page of a comparison as one file: the documents of all runs on the same axes."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lifesigns.report.page.file_host import STYLES, html_around, inert_json


def comparison_html(comparison: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> str:
    """The page of a comparison as one file that opens without a network.

    Args:
        comparison: As docs/comparison-schema.md describes it.
        documents: The page documents of its runs, in the same order.
    """
    names = " · ".join(run["name"] for run in comparison["runs"])
    together = {"comparison": comparison, "documents": documents}
    return html_around(
        f'<script type="application/json" id="comparison">{inert_json(together)}</script>',
        title=names,
        entry="compare.js",
        noscript="\n".join(_still(comparison)),
        styles=(*STYLES, "compare.css"),
    )


def _still(comparison: Mapping[str, Any]) -> Iterator[str]:
    """What is said without JavaScript: the sentences and the findings."""
    runs = comparison["runs"]
    for run in runs:
        yield f"<p>{run['letter']}: {html.escape(run['name'])}. {html.escape(run['verdict'])}</p>"
    for each in comparison["comparisons"]:
        first, other = (runs[i] for i in each["runs"])
        yield f"<h2>{first['letter']}, {other['letter']}: {html.escape(each['verdict'])}</h2>"
        found = each["divergence"]["difference"]
        yield f"<p>{html.escape(found['text'])}</p>" if found else ""
        changes = (
            f"{c['change']}: {c['severity']} {c['rule']} {c['site']}" for c in each["findings"]
        )
        yield f"<ul>{''.join(f'<li>{html.escape(text)}</li>' for text in changes)}</ul>"
