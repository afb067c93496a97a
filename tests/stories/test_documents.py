"""What the documents tell a reader to type is what works, and what CI does."""

import re
from pathlib import Path

import pytest
from copied import Copy

from lifesigns.evidence import Run
from lifesigns.records import RunInfo, Severity
from lifesigns.rules import all_rules, testing
from lifesigns.store import RunWriter

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh.md")
FENCED = re.compile(r"^```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`[^`\n]+`")


def read(document):
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```$", read(document), re.MULTILINE | re.DOTALL)


def worked(example):
    """The file that CONTRIBUTING shows for an example."""
    (source,) = (b for b in blocks("CONTRIBUTING.md", "python") if example in b.splitlines()[0])
    return source


def test_ci_installs_and_tests_with_the_commands_of_the_readme():
    ci = read(".ci/run")
    first, second = blocks("README.md")[:2]

    *_, install, demo = (command.strip() for command in first.split("&&"))

    assert install.removeprefix("pip install ") in ci
    assert f"check {demo}\n" in ci
    assert f"check {second.strip()} --durations=10" in ci


def test_the_rule_that_contributing_shows_passes_its_own_cases():
    source = worked("overwritten-weights")
    module = {"__name__": "overwritten_weights"}

    exec(compile(source, "CONTRIBUTING.md", "exec"), module)

    rule = module["RULE"]
    found = {case.name: list(rule.judge(Run(case.trace()))) for case in rule.cases}
    assert {name for name, findings in found.items() if findings} == {
        case.name for case in rule.cases if case.fires
    }
    assert [f.severity for f in found["an update of twice the weight"]] == [Severity.WARNING] * 2


def test_the_rule_that_contributing_shows_touches_one_file_and_the_changelog(tmp_path):
    copy = Copy(tmp_path)
    copy.append("rules/optimisation/overwritten_weights.py", worked("overwritten-weights"))

    assert "OPT901" in copy.python("-m", "lifesigns", "rules")
    assert "as large as the weight" in copy.python("-m", "lifesigns", "explain", "OPT901")
    assert len(copy.passed("rules/test_cases.py", "OPT901")) > 20
    assert len(copy.passed("rules/test_catalogue.py", "OPT901")) > 8
    with pytest.raises(AssertionError, match="'overwritten-weights'"):
        copy.passed("stories/test_documents.py", "changelog_names_every_rule")


def test_the_command_that_contributing_shows_touches_two_files(tmp_path):
    copy, run = Copy(tmp_path), tmp_path / "some.lifesigns"
    copy.append("commands/losses.py", worked("lifesigns losses RUN"))
    copy.append("cli.py", f"\n\n{worked('@app.command()')}")
    with RunWriter(run, RunInfo()) as writer:
        writer.losses(testing.trace(losses=[0.7, 0.25]).losses)

    assert "losses " in copy.python("-m", "lifesigns", "--help")
    assert "A run file" in copy.python("-m", "lifesigns", "losses", "--help")
    assert copy.python("-m", "lifesigns", "losses", run) == "0,0.7\n1,0.25\n"
    told = copy.python("-m", "lifesigns", "losses", tmp_path / "none", code=2)
    assert told.startswith("lifesigns: ")


def test_the_changelog_names_every_rule():
    changelog = " ".join(read("CHANGELOG.md").split())

    assert [rule.name for rule in all_rules() if f"{rule.code} {rule.name}" not in changelog] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_pictures_in_the_readme_are_there(readme):
    report, *pages = re.findall(r"!\[.*?\]\((.*?)\)", read(readme))

    assert read(report).startswith("<svg")
    assert len(pages) == 2
    assert all((ROOT / page).read_bytes().startswith(b"\x89PNG") for page in pages)


def test_the_readme_in_chinese_has_the_same_code_and_commands():
    english, chinese = map(read, READMES)

    assert FENCED.findall(chinese) == FENCED.findall(english) != []
    assert sorted(INLINE.findall(chinese)) == sorted(INLINE.findall(english)) != []


def test_the_readme_in_chinese_has_a_part_for_each_of_the_english_one():
    shapes = [re.findall(r"^(#+ |- |\*\*|!\[)", read(readme), re.MULTILINE) for readme in READMES]

    assert shapes[0] == shapes[1] != []


def test_the_readmes_link_to_each_other():
    english, chinese = READMES

    assert f"]({chinese})" in read(english)
    assert f"]({english})" in read(chinese)
