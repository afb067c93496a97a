"""What axe-core finds wrong with a page."""

from pathlib import Path

AXE = Path(__file__).parent / "browser" / "vendor" / "axe.min.js"


def violations(page):
    """Rules that are violated, each with the beginning of the elements that do."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        (each["id"], [node["html"][:160] for node in each["nodes"]])
        for each in result["violations"]
    ]
