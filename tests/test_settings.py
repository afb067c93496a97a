import os

import pytest

from lifesigns._errors import UsageError
from lifesigns.settings import Settings, load_settings

FILE = """
[tool.lifesigns]
select = ["ACT", "loss-flat"]
ignore = ["dead-units"]
budget = 0.05

[tool.lifesigns.per-site-ignores]
"encoder.*" = ["saturated-units"]
"""


def test_the_nearest_file_above_the_script_counts(tmp_path):
    (tmp_path / "pyproject.toml").write_text(FILE)
    script = tmp_path / "src" / "train.py"
    script.parent.mkdir()
    script.write_text("")

    settings = load_settings(script)

    assert settings == Settings(
        ("ACT", "loss-flat"), ("dead-units",), 0.05, None, {"encoder.*": ("saturated-units",)}
    )
    assert load_settings(script.parent) == settings


def test_a_project_that_says_nothing_has_no_settings(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")

    assert load_settings(tmp_path) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ignor = []", "Did you mean ignore"),
        ("ignore = 'dead-units'", "a list of rules"),
        ("select = [1]", "a list of rules"),
        ("budget = 2", "a share of the training time"),
        ("budget = true", "a share of the training time"),
        ("every = 0.5", "a whole number"),
        ("every = 0", "a whole number"),
        ("per-site-ignores = 3", "a table"),
        ("ignore = [", "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_names_the_file_and_what_was_expected(tmp_path, text, said):
    (tmp_path / "pyproject.toml").write_text(f"[tool.lifesigns]\n{text}\n")

    with pytest.raises(UsageError, match=said) as error:
        load_settings(tmp_path)

    assert "pyproject.toml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tool = 3", "tool is 3; a table is expected"),
        ("tool = [3]", r"tool is \[3\]; a table"),
        ("[tool]\nlifesigns = 3", "lifesigns is 3; a table is expected"),
        ("[[tool.lifesigns]]\nbudget = 1", "lifesigns is .*; a table"),
        ("tool.lifesigns.budget = nan", "budget = nan"),
        ("tool.lifesigns.budget = -0.1", "a share of the training time"),
        ("tool.lifesigns.budget = 0x" + "f" * 5000, "budget = a value of type int"),
        ("tool.lifesigns.every = true", "a whole number"),
        ("tool.lifesigns.every = 0x" + "f" * 50, "a whole number"),
        ("tool.lifesigns.per-site-ignores.'*' = 'ACT'", "a list of rules"),
        ("tool.lifesigns.per-site-ignores.encoder.x = ['ACT']", "a list of rules"),
        ("x = " + "9" * 5000, "is no TOML"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("a." * 200 + "b = 1", "more than 64 parts"),
        ("# " + "x" * 300_000, "more than 262,144 bytes"),
        ("x = '\udcff'", "is no TOML"),
    ],
)
def test_whatever_the_file_holds_the_mistake_is_named(tmp_path, text, said):
    (tmp_path / "pyproject.toml").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(UsageError, match=said):
        load_settings(tmp_path)


def test_what_is_no_regular_file_holds_no_settings(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    os.mkfifo(inner / "pyproject.toml")
    (tmp_path / "a" / "pyproject.toml").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.lifesigns]\nevery = 7\n")

    assert load_settings(inner / "train.py").every == 7


@pytest.mark.parametrize("name", ["\0", "x" * 5000, "circle"])
def test_a_script_that_cannot_be_has_no_settings(tmp_path, name):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    assert load_settings(tmp_path / name) == Settings()


@pytest.mark.parametrize("key", ["select", "ignore", '"a.*"'])
def test_a_rule_that_there_is_not_is_looked_for_where_it_stands(tmp_path, key):
    table = "[tool.lifesigns.per-site-ignores]" if key.startswith('"') else "[tool.lifesigns]"
    (tmp_path / "pyproject.toml").write_text(f'{table}\n{key} = ["dead-unit"]\n')
    settings = load_settings(tmp_path)

    with pytest.raises(UsageError, match=r"no rule 'dead-unit'\. Did you mean dead-units") as error:
        settings.selection(None, None)

    assert str(error.value).startswith(f"{tmp_path / 'pyproject.toml'}, [tool.lifesigns]: ")


def test_a_rule_that_the_caller_names_wrongly_is_not_the_files_fault(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.lifesigns]\nignore = ['dead-unit']\n")

    with pytest.raises(UsageError, match="no rule 'nothing-of-the-kind'") as error:
        load_settings(tmp_path).selection(None, ["nothing-of-the-kind"])

    assert "pyproject.toml" not in str(error.value)


def test_what_is_given_goes_over_the_file_each_for_itself(tmp_path):
    (tmp_path / "pyproject.toml").write_text(FILE)
    settings = load_settings(tmp_path)

    chosen = settings.selection(["dead-units"], None)

    assert chosen.select == chosen.ignore == {"dead-units"}
    assert chosen.sites == {"encoder.*": {"saturated-units"}}
    assert settings.selection(None, []).ignore == set()


def test_a_mark_of_utf_8_at_its_beginning_is_read_over(tmp_path):
    (tmp_path / "pyproject.toml").write_text(FILE, encoding="utf-8-sig")

    assert load_settings(tmp_path).budget == 0.05
