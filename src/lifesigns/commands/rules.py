"""`lifesigns rules`: what can be found."""

from __future__ import annotations

from rich.console import Console

from lifesigns.report.manual import rules_table


def rules(console: Console) -> None:
    """Prints every rule: code, name and title, by family.

    Args:
        console: Where they are printed.
    """
    rules_table(console)
