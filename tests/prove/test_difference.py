"""A patch is what `git apply` makes of the old text the new one with, to the byte."""

import os
import shutil
import subprocess
from pathlib import Path

import made
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lifesigns.prove.candidates import difference

LINE = st.sampled_from(
    ["a", "b", "\r", "x = 1\r", "\f", "\v", "é 中", "\x85", "\u2028", "--- a", "+++", "@@", "\\"]
)
TEXT = st.tuples(st.lists(LINE, max_size=12).map("\n".join), st.sampled_from(["", "\n"])).map(
    "".join
)
PART = st.text(st.sampled_from("ab é中'\"\\\t\n[*:1"), min_size=1, max_size=6)
NAME = PART.filter(lambda name: not name.isspace())

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def git(folder, *order, patch):
    """Outside of all repositories, as nobody has configured it."""
    kept = {"GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_GLOBAL": os.devnull}
    words = ["git", "apply", "--whitespace=nowarn", *order, "-"]
    done = subprocess.run(words, cwd=folder, input=patch.encode(), env={**os.environ, **kept})
    assert done.returncode == 0


@often
@given(TEXT.filter(bool), TEXT.filter(bool))
@example("a\r\nb", "a\r\nb\r\n")
@example("a\f\nb\n", "a\f\nc\n")
@example("é", "中\n")
def test_it_makes_the_new_text_of_the_old_and_the_old_of_the_new(tmp_path, before, after):
    path = tmp_path / "train.py"
    path.write_bytes(before.encode())
    patch = difference(before, after, "train.py")
    if before == after:
        assert patch == ""
        return

    git(tmp_path, "--check", patch=patch)
    git(tmp_path, patch=patch)
    assert path.read_bytes() == after.encode()
    git(tmp_path, "--reverse", patch=patch)

    assert path.read_bytes() == before.encode()


@often
@given(NAME)
@example("my training 2024-01-01 10:00:00.py")
@example('"quoted".py')
def test_it_names_a_file_of_any_name(tmp_path, name):
    path = tmp_path / "a folder" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("lr=1\n")

    git(tmp_path, patch=difference("lr=1\n", "lr=2\n", f"a folder/{name}"))

    assert path.read_text() == "lr=2\n"
    path.unlink()


def test_a_patch_is_relative_to_the_project():
    remedy = made.candidate("/project/code/train.py")

    assert remedy.patch(Path("/project")).startswith("--- a/code/train.py\n+++ b/code/train.py\n")
