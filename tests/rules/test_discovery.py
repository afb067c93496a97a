"""Rules are found by a package walk and by entry points."""

import io
import sys
from itertools import pairwise

import pytest

from lifesigns._errors import LifesignsError, UsageError
from lifesigns.records import Severity, Trace
from lifesigns.report import Report
from lifesigns.report.manual import rules_table
from lifesigns.report.terminal import console_for
from lifesigns.rules import _discovery, all_rules, built_in_rules, find_rule, judge
from lifesigns.rules._engine import FAILED

RULE = """
from lifesigns.rules import Rule
RULE = Rule({code!r}, {name!r}, "A rule of another distribution", "Why. How.", lambda trace: ())
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a distribution `elsewhere 2.5` with these modules as rules, on a path of its own."""

    def install(**modules):
        (tmp_path / "elsewhere-2.5.dist-info").mkdir()
        points = "".join(f"{name} = {name}\n" for name in modules)
        for file, text in {
            "elsewhere-2.5.dist-info/METADATA": "Name: elsewhere\nVersion: 2.5\n",
            "elsewhere-2.5.dist-info/entry_points.txt": f"[lifesigns.rules]\n{points}",
            **{f"{name}.py": source for name, source in modules.items()},
        }.items():
            (tmp_path / file).write_text(text)
        for name in modules:
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(tmp_path)
        _forget()

    yield install
    _forget()


def _forget():
    _discovery._discovered.cache_clear()
    _discovery._others.cache_clear()


def test_rules_come_in_the_order_of_their_families_and_codes():
    codes = [found.code for found in all_rules()]

    families = [code[:3] for code in codes]
    assert families == sorted(families, key=["ACT", "INI", "GRD", "LOS", "OPT", "DAT"].index)
    assert all(a < b for a, b in pairwise(codes) if a[:3] == b[:3])


@pytest.mark.parametrize("wanted", ["dead-units", "ACT001", "act001", "dead_units", " Dead-Units "])
def test_a_rule_is_found_by_name_or_code(wanted):
    assert find_rule(wanted).code == "ACT001"


def test_an_unknown_rule_is_answered_with_the_nearest_names():
    with pytest.raises(UsageError, match="Did you mean dead-units"):
        find_rule("dead-unit")


def test_a_word_like_no_rule_is_answered_with_where_to_look():
    with pytest.raises(UsageError, match="lifesigns rules"):
        find_rule("zzzzzzzzz")


def test_a_rule_of_another_distribution_is_one_of_all(installed):
    installed(odd_site=RULE.format(code="XYZ001", name="odd-site"))

    assert find_rule("odd-site").code == "XYZ001"
    assert all_rules()[-1].name == "odd-site"
    assert "odd-site" not in {rule.name for rule in built_in_rules()}


def test_the_list_of_rules_shows_a_family_of_another_distribution(installed):
    installed(odd_site=RULE.format(code="XYZ001", name="odd-site"))
    console = console_for(io.StringIO())

    rules_table(console)

    assert "XYZ001  odd-site" in console.file.getvalue()


def test_an_entry_point_may_name_the_rule_itself(installed, tmp_path):
    installed(odd_site=RULE.format(code="XYZ001", name="odd-site"))
    points = tmp_path / "elsewhere-2.5.dist-info" / "entry_points.txt"
    points.write_text("[lifesigns.rules]\nodd = odd_site:RULE\n")

    assert find_rule("xyz001").name == "odd-site"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("RULE = 3", "it names int, neither a Rule nor a module with a RULE"),
        (RULE.format(code="X1", name="odd-site"), "'X1' is no code"),
        (RULE.format(code="XYZ001", name="Odd Site"), "'Odd Site' is no name"),
    ],
)
def test_a_broken_rule_of_another_distribution_is_noted_and_costs_no_other(
    installed, source, reason
):
    installed(broken=source, odd_site=RULE.format(code="XYZ001", name="odd-site"))

    (note,) = (finding for finding in judge(Trace()) if finding.rule == FAILED)

    assert note.severity is Severity.NOTE
    assert "the rule 'broken' (broken) of elsewhere 2.5 could not be loaded" in note.symptom
    assert reason in note.symptom
    assert len(all_rules()) == len(built_in_rules()) + 1
    assert "lifesigns explain" not in str(Report(Trace(), (note,)))


@pytest.mark.parametrize(("code", "name"), [("ACT001", "odd-site"), ("XYZ001", "dead-units")])
def test_a_code_or_name_that_is_taken_is_an_error_that_names_both(installed, code, name):
    installed(odd_site=RULE.format(code=code, name=name))

    with pytest.raises(LifesignsError) as error:
        all_rules()

    assert "lifesigns.rules.activations.dead_units" in str(error.value)
    assert "'odd_site' (odd_site) of elsewhere 2.5" in str(error.value)


def test_a_clash_of_rules_does_not_cost_a_run_its_findings(installed):
    installed(odd_site=RULE.format(code="ACT001", name="odd-site"))

    (note,) = judge(Trace(steps=1))

    assert "both define ACT001" in note.symptom


def test_two_rules_of_other_distributions_must_differ_too(installed):
    twin = RULE.format(code="XYZ001", name="odd-site")
    installed(one=twin, two=twin)

    with pytest.raises(LifesignsError, match=r"'one' .* and .*'two' .* both define XYZ001"):
        all_rules()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("RULE = 3\n", "int, not a Rule"),
        ("NOTHING = 0\n", "NoneType, not a Rule"),
        ("from lifesigns.rules import find_rule\nRULE = find_rule('ACT001')\n", "dead-units"),
    ],
)
def test_a_malformed_file_is_refused_with_file_and_line(tmp_path, monkeypatch, source, reason):
    (tmp_path / "odd_file.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_file", raising=False)
    module = __import__("odd_file")

    with pytest.raises(LifesignsError, match=rf"odd_file\.py:\d+: .*{reason}"):
        _discovery.rule_of(module)
