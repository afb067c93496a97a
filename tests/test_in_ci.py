"""The pre-commit hook, the action and the annotations, as CI systems run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lifesigns.records import Finding, RunInfo, Severity, Trace
from lifesigns.report.github import to_github

ROOT = Path(__file__).parents[1]
FAULTY = ("doubled_softmax", "zero_start")


@pytest.fixture(scope="module")
def hook():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return hook


def hooked(forked, hook, *files, cwd=ROOT):
    """What pre-commit runs for some files."""
    program, *arguments = hook["entry"].split()
    assert program == "lifesigns"
    return forked(*arguments, *files, cwd=cwd)


def test_the_hook_fails_on_the_faulty_examples_and_annotates_them(forked, hook, tmp_path):
    """Each mark begins a line, whatever the script printed; ids stay, words follow the language."""
    for name in FAULTY:
        source = (ROOT / f"examples/faulty/{name}.py").read_text()
        (tmp_path / f"{name}.py").write_text(f"print('half a line', end='')\n{source}")
    files = f"{FAULTY[0]}.py", tmp_path / f"{FAULTY[1]}.py"

    options = ("--lang", "zh", "--output-format", "github")
    done = hooked(forked, hook, *options, *files, cwd=tmp_path)

    assert done.returncode == 1
    assert f"== {tmp_path}/zero_start.py" in done.stderr
    assert "LOS001 doubled-softmax" in done.stderr
    assert "INI001 symmetric-units" in done.stderr
    marks = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert [mark.partition("，位于")[0] for mark in marks] == [
        "::warning file=doubled_softmax.py,title=LOS001 doubled-softmax",
        "::error file=zero_start.py,title=INI001 symmetric-units",
    ]
    assert all("。实测：" in mark and "先做：" in mark for mark in marks)


def test_the_hook_passes_on_the_examples(forked, hook):
    files = sorted(path.relative_to(ROOT) for path in (ROOT / "examples").glob("*.py"))

    done = hooked(forked, hook, *files)

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("lifesigns  ") == len(files) > 3


def test_a_script_that_fails_is_told_from_an_alarm(forked, tmp_path):
    (tmp_path / "train.py").write_text("raise SystemExit(7)")

    assert forked("check", "train.py", "train.py", cwd=tmp_path).returncode == 7
    refused = forked("check", "train.py", "train.py", "--json", "x.json", cwd=tmp_path)
    assert (refused.returncode, "one file at a time" in refused.stderr) == (2, True)


def test_the_hook_runs_training_scripts_only(hook):
    assert re.search(hook["files"], "src/train_model.py")
    assert not re.search(hook["files"], "src/model.py")
    assert hook["require_serial"]


def test_an_annotation_is_one_line_whatever_it_says():
    finding = Finding(
        "a-rule", "ACT001", Severity.NOTE, "50 %\nof a, b", "0:relu#0", 3, "x", "", "", ""
    )

    text = to_github(Trace(info=RunInfo(command="src/train.py --lr 1")), [finding])

    head, _, said = text.removeprefix("::notice ").rstrip("\n").partition("::")
    assert head == "file=src/train.py,title=ACT001 a-rule at 0%3Arelu#0"
    assert said == "50 %25%0Aof a, b. Measured: x. More: lifesigns explain a-rule"
    assert text.count("\n") == 1


# --- the action -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def action():
    return yaml.safe_load((ROOT / "action.yml").read_text())


def test_the_action_takes_no_text_of_others_into_its_script(action):
    steps = action["runs"]["steps"]

    assert not any("${{" in step["run"] for step in steps)
    given = {expression for step in steps for expression in step["env"].values()}
    assert given == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


@pytest.mark.parametrize(
    ("given", "code"), [({}, 1), ({"FAIL": "nothing"}, 0), ({"COMMAND": "prove"}, 2)]
)
def test_the_action_checks_each_file(action, tmp_path, given, code):
    """With a `lifesigns` that says what it was given, and fails."""
    program = tmp_path / "lifesigns"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\necho\nexit 1\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = {"COMMAND": "check", "FILES": "a b.py\nc.py\n", "SELECT": "ACT,LOS"}
    told |= {"IGNORE": "", "FAIL": ""}
    script = action["runs"]["steps"][1]["run"]

    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env=environment | told | given,
        capture_output=True,
        text=True,
    )

    assert done.returncode == code
    if code < 2:
        first, second = done.stdout.splitlines()
        assert first == "check|--output-format|github|--select|ACT,LOS|a b.py|"
        assert second.endswith("|c.py|")
    else:
        assert done.stdout.startswith("::error::")


# --- completion -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("typed", "offered"), [("ch", "check"), ("run --out", "--output-format")])
def test_a_shell_is_offered_commands_and_options(typed, offered):
    words = f"lifesigns {typed}"
    told = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    done = subprocess.run(
        [sys.executable, "-m", "lifesigns"],
        env=os.environ | told | {"_LIFESIGNS_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
    )

    assert done.stdout.split() == [offered]
