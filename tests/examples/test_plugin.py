"""The plug-in under `examples/` installs as its README says, and every command knows its rule."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Runs Python where the plug-in is installed, in a folder of its own; nothing is downloaded."""
    pytest.importorskip("hatchling")
    root = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(PLUGIN, root / "source")
    path = os.pathsep.join(filter(None, [str(root / "site"), os.environ.get("PYTHONPATH")]))

    def run(*arguments, environment=os.environ | {"PYTHONPATH": path}):
        ended = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run("-m", "pip", "install", "-q", *alone, "--target", root / "site", source)
    return run


def test_its_rule_is_listed_and_explained(python):
    assert "SET001" in python("-m", "lifesigns", "rules")
    assert "jumps back" in python("-m", "lifesigns", "explain", "loss-thrown-back")


def test_its_rule_finds_what_happens_in_its_training(python, tmp_path):
    report = tmp_path / "report.json"

    python("-m", "lifesigns", "run", "--json", report, PLUGIN / "training.py")

    found = json.loads(report.read_text(encoding="utf-8"))["findings"]
    (finding,) = (finding for finding in found if finding["rule"] == "loss-thrown-back")
    assert (finding["severity"], finding["step"]) == ("warning", 130)


def test_its_own_tests_pass(python):
    told = python("-m", "pytest", "-p", "no:cacheprovider", "source/tests")

    assert re.search(r"\b6 passed", told)


def test_its_readme_names_its_rule_and_its_training():
    readme = (PLUGIN / "README.md").read_text(encoding="utf-8")

    commands = re.findall(r"^    (.*)$", readme, re.MULTILINE)

    assert commands == [
        "pip install examples/plugin",
        "lifesigns explain loss-thrown-back",
        "lifesigns run examples/plugin/training.py",
    ]
