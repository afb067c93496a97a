"""Settings in pyproject.toml: `python tests/fuzz/fuzz_settings.py -n 100000`."""

from driver import Target, main
from toml_damage import damage

from lifesigns.rules import Selection
from lifesigns.settings import load_settings

KEYS = (
    "select", "ignore", "budget", "every", "per-site-ignores", "tool", "lifesigns", "'encoder.*'",
    "tool.lifesigns", "per-site-ignores.'*'", "x", "\"\\u001b\"", "budget.a", "every", "budget",
)  # fmt: skip
EXAMPLE = b"""[project]
name = "x"
[tool.lifesigns]
select = ["ACT", "loss-flat"]
ignore = ["dead-units"]
budget = 0.05
every = 3
[tool.lifesigns.per-site-ignores]
"encoder.*" = ["saturated-units"]
"""


def read(data, folder):
    (folder / "pyproject.toml").write_bytes(data)
    settings = load_settings(folder / "train.py")
    Selection.of(settings.select, settings.ignore, settings.sites)


TARGET = Target("settings", lambda _: [EXAMPLE], lambda r, d: damage(r, d, KEYS), read)

if __name__ == "__main__":
    main(TARGET)
