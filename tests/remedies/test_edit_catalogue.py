"""The style guide of the edits, as tests: every manual, and every case of every edit."""

import ast
import re
import subprocess

import pytest
import torch

from lifesigns.prove.candidates import difference
from lifesigns.remedies import Refusal, all_manuals

MANUALS = [pytest.param(manual, id=manual.name) for manual in all_manuals()]
CASES = [
    pytest.param(case, id=f"{manual.name}: {case.name}")
    for manual in all_manuals()
    for case in manual.cases
]
REWRITTEN = [each for each in CASES if each.values[0].after is not None]
REFUSED = [each for each in CASES if each.values[0].after is None]


def rewritten(case):
    text = case.edit.rewrite(case.before)
    assert isinstance(text, str), text
    return text


# --- the manual -----------------------------------------------------------------------------------
@pytest.mark.parametrize("manual", MANUALS)
def test_an_edit_is_named_by_a_command_and_explained_in_sentences(manual):
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", manual.name)
    assert not manual.title.endswith(".")
    assert manual.changes.endswith(".")
    assert manual.unsafe.endswith(".")
    assert manual.references


@pytest.mark.parametrize("manual", MANUALS)
def test_an_edit_has_cases_that_are_rewritten_and_one_that_is_refused(manual):
    assert sum(case.after is not None for case in manual.cases) >= 2
    assert all(case.name.startswith("refused: ") == (case.after is None) for case in manual.cases)
    assert any(case.after is None for case in manual.cases)
    assert len({case.name for case in manual.cases}) == len(manual.cases)
    assert {case.edit.name for case in manual.cases} == {manual.name}


# --- the cases ------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", REWRITTEN)
def test_the_source_is_rewritten_as_the_case_says(case):
    assert rewritten(case) == case.after


@pytest.mark.filterwarnings("ignore")  # torch's own, of what the case is about
@pytest.mark.parametrize("case", REWRITTEN)
def test_a_rewritten_script_trains_as_its_original_does(case):
    for text in (case.before, rewritten(case)):
        names = {"__name__": "__main__"}
        torch.manual_seed(0)
        exec(compile(text, "train.py", "exec"), names)

        assert names["step"] > 0
        assert torch.isfinite(names["loss"])


@pytest.mark.parametrize("case", REWRITTEN)
def test_an_edit_made_twice_is_made_once(case):
    once = rewritten(case)

    assert case.edit.rewrite(once) in (
        once,
        Refusal(getattr(case.edit.rewrite(once), "reason", "")),
    )


@pytest.mark.parametrize("case", REFUSED)
def test_an_edit_is_refused_with_a_reason_where_the_place_is_not_certain(case):
    ast.parse(case.before)

    refusal = case.edit.rewrite(case.before)

    assert isinstance(refusal, Refusal)
    assert len(refusal.reason.split()) >= 3


@pytest.mark.parametrize("case", REWRITTEN)
def test_line_endings_of_windows_and_a_missing_last_newline_are_kept(case):
    crlf = case.before.replace("\n", "\r\n").rstrip()

    text = case.edit.rewrite(crlf)

    assert text.rstrip() == case.after.replace("\n", "\r\n").rstrip()


def test_the_differences_are_patches_that_git_applies(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    patches = []
    for number, each in enumerate(REWRITTEN):
        case, name = each.values[0], f"train_{number}.py"
        (tmp_path / name).write_text(case.before)
        patches.append(difference(case.before, rewritten(case), name))

    done = subprocess.run(
        ["git", "apply", "--check", "-"], input="".join(patches), cwd=tmp_path, text=True, stderr=-1
    )

    assert all(patches)
    assert (done.returncode, done.stderr) == (0, "")
