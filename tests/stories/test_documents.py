"""What the documents tell a reader to type is what works, and what CI does."""

import re
from pathlib import Path

from lifesigns.records import Severity
from lifesigns.rules import all_rules

ROOT = Path(__file__).parents[2]


def blocks(document, language=""):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_ci_installs_and_tests_with_the_commands_of_the_readme():
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    first, second = blocks("README.md")[:2]

    *_, install, demo = (command.strip() for command in first.split("&&"))

    assert install.removeprefix("pip install ") in ci
    assert f"check {demo}\n" in ci
    assert f"check {second}" in ci


def test_the_rule_that_contributing_shows_passes_its_own_cases():
    (source,) = blocks("CONTRIBUTING.md", "python")
    module = {"__name__": "overwritten_weights"}

    exec(compile(source, "CONTRIBUTING.md", "exec"), module)

    rule = module["RULE"]
    found = {case.name: list(rule.check(case.trace())) for case in rule.cases}
    assert {name for name, findings in found.items() if findings} == {
        case.name for case in rule.cases if case.fires
    }
    assert rule.chinese.translates == rule.fingerprint
    assert [f.severity for f in found["an update of twice the weight"]] == [Severity.WARNING] * 2


def test_the_changelog_names_every_rule():
    changelog = " ".join((ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split())

    assert [rule.name for rule in all_rules() if f"{rule.code} {rule.name}" not in changelog] == []


def test_the_picture_in_the_readme_is_there():
    (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))

    assert (ROOT / picture).read_text(encoding="utf-8").startswith("<svg")
