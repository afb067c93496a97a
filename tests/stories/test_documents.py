"""What the documents tell a reader to type is what works, and what CI does."""

import re
from pathlib import Path

from lifesigns.records import Severity

ROOT = Path(__file__).parents[2]


def blocks(document, language=""):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_ci_installs_and_tests_with_the_commands_of_the_readme():
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    first, second = blocks("README.md")[:2]

    install = next(line for line in first.splitlines() if "pip install" in line)
    demo = first.splitlines()[-1]

    assert install.removeprefix("pip install") in ci
    assert f"check {demo}" in ci
    assert f"check {second.strip()}" in ci


def test_the_rule_that_contributing_shows_passes_its_own_cases():
    (source,) = blocks("CONTRIBUTING.md", "python")
    module = {"__name__": "overwritten_weights"}

    exec(compile(source, "CONTRIBUTING.md", "exec"), module)

    rule = module["RULE"]
    alarms = {case.name: list(rule.check(case.trace())) for case in rule.cases}
    assert [f.severity for f in alarms["an update of twice the weight"]] == [Severity.WARNING] * 2
    assert alarms["an update of a thousandth"] == []
