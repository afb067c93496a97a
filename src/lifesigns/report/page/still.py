"""What a page shows without JavaScript: the findings, and two pictures as inline SVG."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from lifesigns.report.page.still_ladder import ladder_svg
from lifesigns.report.page.still_loss import loss_svg


def still_html(document: Mapping[str, Any]) -> str:
    """The findings and the pictures of a page as markup; all of a run's names are escaped.

    Args:
        document: A page document (docs/page-document.md).
    """
    report = document["report"]
    cards = [_card(finding, document["titles"]) for finding in report["findings"]]
    return "\n".join(
        [
            f"<h1>{html.escape(report['verdict'])}</h1>",
            f"<p><code>{html.escape(report['command'])}</code></p>",
            "<h2>Loss</h2>",
            loss_svg(document),
            "<h2>Layers</h2>",
            ladder_svg(document),
            "<h2>Findings</h2>",
            *(cards or ["<p>Nothing was found.</p>"]),
        ]
    )


def _card(finding: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    severity, title = finding["severity"], titles.get(finding["rule"], finding["rule"])
    facts = {
        "Where": finding["site"] or "the whole run",
        "Step": str(finding["step"]),
        "Measured": finding["measured"],
        "Expected": finding["expected"],
        "Certainty": finding["certainty"],
        "Explained by": finding["explained_by"],
    }
    rows = (
        f"<div><dt>{name}</dt><dd>{html.escape(text)}</dd></div>"
        for name, text in facts.items()
        if text
    )
    remedies = (
        f"<li>{html.escape(remedy['text'])}<pre>{html.escape(remedy['code'])}</pre></li>"
        for remedy in finding["remedies"]
    )
    return (
        f'<article class="card {severity}"><h3>{severity}: {html.escape(title)}</h3>'
        f"<p>{html.escape(finding['symptom'])}</p><dl>{''.join(rows)}</dl>"
        f"<p>{html.escape(finding['why'])}</p><ol>{''.join(remedies)}</ol></article>"
    )
