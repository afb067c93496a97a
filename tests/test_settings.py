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
