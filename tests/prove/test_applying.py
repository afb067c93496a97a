"""A proved change is written so that what was there can be had again."""

import shutil
import subprocess

import made
import pytest

from lifesigns._errors import LifesignsError
from lifesigns.prove.applying import write

BEFORE, AFTER = "lr = 1\r\n# é\n", "lr = 0.1\r\n# é\n"

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "[a] *.py"
    path.write_bytes(BEFORE.encode())
    return path


@pytest.fixture
def git(script):
    def call(*order):
        subprocess.run(["git", *order], cwd=script.parent, check=True, capture_output=True)

    return call


@pytest.fixture
def commit(git, monkeypatch):
    """Makes a repository with the script in it."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@b.c")

    def make(*names):
        git("init", "-q")
        git("config", "core.autocrlf", "false")
        git("add", *names)
        git("commit", "-q", "--allow-empty", "-m", "one")

    return make


def written(script):
    """What is said; the new text has to be there, and nothing else to be changed."""
    said = list(write(made.candidate(str(script), BEFORE, AFTER)))
    assert script.read_bytes() == AFTER.encode()
    return said


def others(script):
    return sorted(
        path for path in script.parent.iterdir() if path.name not in (".git", script.name)
    )


@needs_git
def test_in_a_clean_tree_git_has_the_former_text(script, commit):
    commit(".")

    assert written(script) == [f"Written into {script}; git has the former text."]
    assert others(script) == []


@needs_git
@pytest.mark.parametrize("state", ["changed", "staged", "untracked", "ignored"])
def test_what_git_does_not_have_is_backed_up(script, git, commit, state):
    if state in ("changed", "staged"):
        script.write_text("older\n")
        commit(".")
        script.write_bytes(BEFORE.encode())
    elif state == "ignored":
        (script.parent / ".gitignore").write_text("*.py\n")
        commit(".gitignore")
    else:
        (script.parent / "other.py").touch()
        commit("other.py")
    if state == "staged":
        git("add", ".")

    [said] = written(script)

    backup = script.with_name(f"{script.name}.before")
    assert said.endswith(f"the former text is in {backup}.")
    assert backup.read_bytes() == BEFORE.encode()


def test_without_git_a_backup_of_a_free_name_is_made(script, monkeypatch):
    monkeypatch.setenv("PATH", "")
    taken = script.with_name(f"{script.name}.before")
    taken.write_text("mine")

    written(script)

    backup = script.with_name(f"{script.name}.before1")
    assert others(script) == sorted([taken, backup])
    assert taken.read_text() == "mine"
    assert backup.read_bytes() == BEFORE.encode()


@pytest.mark.parametrize("meanwhile", ["changed", "removed"])
def test_a_file_that_changed_meanwhile_stays_as_it_is(script, meanwhile):
    script.write_text("mine\n") if meanwhile == "changed" else script.unlink()

    with pytest.raises(LifesignsError, match="Prove it once more"):
        list(write(made.candidate(str(script), BEFORE, AFTER)))

    assert others(script) == []
    assert not script.exists() or script.read_text() == "mine\n"


def test_where_the_disk_fails_the_script_is_as_it_was(script, monkeypatch):
    def refused(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lifesigns._outputs.put", refused)

    with pytest.raises(LifesignsError, match="could not be written: No space left on device"):
        list(write(made.candidate(str(script), BEFORE, AFTER)))

    assert script.read_bytes() == BEFORE.encode()
    assert others(script) == []
