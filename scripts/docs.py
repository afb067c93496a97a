"""Writes the pages of the documentation that are made from the rules: `python -m scripts.docs`.

`docs/rules.md` lists them, `docs/rules/NAME.md` is the manual page of each, as `lifesigns explain`
prints it; `docs/rules.zh.md` and `docs/rules/zh/NAME.md` are the same in Chinese. They are never
edited and not committed: the rule's file is the only place to change.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lifesigns.report.language import Language
from lifesigns.report.manual import index, markdown
from lifesigns.rules import built_in_rules

DOCS = Path(__file__).parents[1] / "docs"


def write(folder: Path) -> list[Path]:
    """Writes all pages into `folder`, removes those of rules that are gone, returns what is there.

    Only the rules of this package: pages do not depend on what else is installed.
    """
    english, chinese = folder / "rules", folder / "rules/zh"
    rules = built_in_rules()
    pages = {
        folder / "rules.md": index(rules),
        folder / "rules.zh.md": index(rules, Language.CHINESE, "rules/zh"),
        **{english / f"{rule.name}.md": markdown(rule) for rule in rules},
        **{chinese / f"{rule.name}.md": markdown(rule, Language.CHINESE) for rule in rules},
    }
    chinese.mkdir(parents=True, exist_ok=True)
    for gone in set(english.rglob("*.md")) - set(pages):
        gone.unlink()
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return list(pages)


def main() -> None:
    """Writes the pages into the folder given, or into `docs/`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DOCS)
    folder = parser.parse_args().folder
    print(f"{len(write(folder))} pages written, see {folder / 'rules.md'}")


if __name__ == "__main__":
    main()
