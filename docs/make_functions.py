"""Writes docs/functions.md, the tables of the catalogue.

Run it with `python docs/make_functions.py` when a function was added or changed.
"""

from pathlib import Path

from lifesigns.report.functions_text import markdown


def main() -> None:
    """Write the page."""
    Path(__file__).with_name("functions.md").write_text(markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
