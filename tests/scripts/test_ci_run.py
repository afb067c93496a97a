"""The project's own check says how it ended: with commands that do nothing but succeed or fail."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci/run"
COMMANDS = ("cc", "apt-get", "pip", "lifesigns", "ruff", "mypy", "lint-imports", "mkdocs", "python")
VENV = 'mkdir -p "$3/bin"; : >"$3/bin/activate"'  # of: python3 -m venv FOLDER


@pytest.fixture
def run(tmp_path):
    project, commands, temporary = (tmp_path / name for name in ("project/.ci", "bin", "temporary"))
    for folder in (project, commands, temporary):
        folder.mkdir(parents=True)
    shutil.copy(CI, project)

    def write(path, body):
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(failing=""):
        for name in COMMANDS:
            write(commands / name, f"exit {int(name == failing)}")
        write(commands / "python3", VENV)
        write(project / "integrations", f"exit {int(failing == '.ci/integrations')}")
        environment = {"PATH": f"{commands}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
        done = subprocess.run(
            ["bash", project / "run"], env=environment, capture_output=True, text=True
        )
        assert not list(temporary.iterdir())
        return done

    return run


def test_it_ends_with_0_where_every_check_passed(run):
    done = run()
    assert done.returncode == 0, done.stderr
    assert "FAILED" not in done.stdout


@pytest.mark.parametrize("failing", ["lifesigns", "mypy", ".ci/integrations", "python"])
def test_it_ends_with_1_and_names_last_the_check_that_failed(run, failing):
    done = run(failing)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"CHECK FAILED: {failing}")
