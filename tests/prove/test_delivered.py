"""What the command prints and writes of a proof that somebody else has made."""

import dataclasses
import io
import json
import shutil
import subprocess
import sys

import made
import pytest

from lifesigns.commands.prove import Wanted, prove_remedy
from lifesigns.prove.copies import CannotRun
from lifesigns.prove.proof import Conclusion

BEFORE = "lr = 1\r\n# é\x0c\r\n\r\n"
PLAN = dataclasses.replace(made.proof().plan, candidates=(made.candidate(),))
AFTER = BEFORE.replace("1", "0.1")


@pytest.fixture
def script(project):
    path = project / "train.py"
    path.write_bytes(BEFORE.encode())
    return path


@pytest.fixture
def command(script, monkeypatch):
    """Calls the command; what it would find out is given."""

    def call(proof, encoding="utf-8", **wanted):
        def found(*_):
            if isinstance(proof, Exception):
                raise proof
            return proof

        monkeypatch.setattr("lifesigns.commands.prove.planned", lambda *_, **__: PLAN)
        monkeypatch.setattr("lifesigns.commands.prove.prove", found)
        streams = [io.TextIOWrapper(io.BytesIO(), encoding, newline="") for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        code = prove_remedy(str(script), [], Wanted(**wanted))
        for stream in streams:
            stream.flush()
        return code, *(stream.buffer.getvalue() for stream in streams)

    return call


@pytest.fixture
def remedy(script):
    return made.candidate(str(script), BEFORE, AFTER)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_all_that_is_printed_is_a_patch_for_git(command, script, remedy):
    code, printed, _ = command(made.proof(chosen=remedy))

    words = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(words, input=printed, cwd=script.parent, check=True)
    assert code == 0
    assert script.read_bytes() == AFTER.encode()


def test_a_stream_that_cannot_carry_a_letter_gets_another(command, script, remedy):
    bad = made.candidate(str(script), rule="\x1b[31mred")
    _, printed, _ = command(made.proof(chosen=remedy), "ascii")
    assert b"(0.2 -> 0.7)" in printed
    assert b" # \\xe9\x0c\r\n" in printed

    _, printed, _ = command(made.proof(chosen=bad))

    assert b"\x1b" not in printed


def test_json_is_all_that_is_printed(command, remedy):
    code, printed, _ = command(made.proof(chosen=remedy), json_output=True)

    assert json.loads(printed)["conclusion"] == "proved"
    assert code == 0


def test_files_hold_the_proof_the_page_and_the_patch(command, remedy, tmp_path):
    command(made.proof(chosen=remedy), output=tmp_path / "out")

    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"proof.json", "proof.html", "comparison.html", "fix.patch"}
    assert b"+lr = 0.1\r\n" in written["fix.patch"]


def test_a_proved_change_is_written_if_asked_for(command, script, remedy):
    _, _, said = command(made.proof(chosen=remedy), apply=True)

    assert script.read_bytes() == AFTER.encode()
    assert b"Written into " in said


@pytest.mark.parametrize(
    ("conclusion", "code"),
    [
        (Conclusion.NOT_PROVED, 1),
        (Conclusion.UNDECIDED, 3),
        (Conclusion.NOTHING, 1),
    ],
)
def test_what_is_not_proved_is_never_written(command, script, remedy, conclusion, code):
    proof = made.proof(conclusion, chosen=remedy)

    ended, _, said = command(proof, apply=True)

    assert (ended, script.read_bytes()) == (code, BEFORE.encode())
    assert b"only what is proved" in said


def test_an_intervention_is_never_written(command, script):
    bare = made.candidate()
    bare = type(bare)(bare.finding, bare.edit, refusal="2 files have a place for it")

    _, _, said = command(made.proof(chosen=bare), apply=True)

    assert b"Nothing was written: 2 files have a place for it." in said


def test_a_dry_run_changes_and_proves_nothing(command, script):
    code, printed, _ = command(None, dry_run=True, json_output=True, apply=True)

    plan = json.loads(printed)
    assert (code, script.read_bytes()) == (0, BEFORE.encode())
    assert (plan["conclusion"], plan["trainings"]) == (None, {"fewest": 12, "most": 27})
    assert [one["edit"] for one in plan["remedies"]] == ["scale-rate"]
    assert b"1. scale-rate" in command(None, dry_run=True)[1]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_run_fairly_has_a_code_of_its_own(command, as_json):
    code, printed, _ = command(CannotRun("It does not repeat."), json_output=as_json)

    assert code == 4
    reason = json.loads(printed)["reason"] if as_json else printed.decode().strip()
    assert reason == "It does not repeat."
