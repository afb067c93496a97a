"""Whatever a script does, outside of the sandbox everything is as it was."""

import os
import sqlite3
import sys
from pathlib import Path

import nasty
import pytest

from lifesigns.prove.sandbox import SWITCH, Sandbox

EVERY = nasty.RELATIVE | nasty.ABSOLUTE


def sampled(names):
    return [pytest.param(name, marks=pytest.mark.sampled(name, ())) for name in names]


@pytest.fixture(autouse=True)
def base(project):
    with sqlite3.connect("base.sqlite") as connection:
        connection.execute("CREATE TABLE rows (number)")
        connection.execute("INSERT INTO rows VALUES (1)")
    connection.close()


@pytest.mark.parametrize("name", sampled(EVERY))
def test_a_script_changes_nothing_outside_of_layers(project, covered, run_script, name):
    end, before = run_script(covered, EVERY[name])

    assert end.code == 0, end.output
    assert nasty.digest(project.parent) == before
    assert nasty.gone(os.environ["NASTY_MARK"])


@pytest.mark.parametrize("name", sampled(nasty.RELATIVE))
def test_a_script_changes_nothing_outside_of_a_copy(project, copied, run_script, name):
    end, before = run_script(copied, nasty.RELATIVE[name])

    assert end.code == 0, end.output
    assert nasty.digest(project.parent) == before
    assert nasty.gone(os.environ["NASTY_MARK"])


@pytest.mark.parametrize("name", sampled(nasty.ENDINGS))
@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_a_script_ends_as_it_does_outside(request, project, run_script, kind, name):
    body, code = nasty.ENDINGS[name]

    end, before = run_script(request.getfixturevalue(kind), body)

    assert end.code == code
    assert nasty.digest(project.parent) == before


@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_an_endless_loop_is_ended_with_its_children(request, project, run_script, kind):
    sandbox = request.getfixturevalue(kind)
    body = """
print('begun', flush=True)
os.fork()
if os.fork() == 0:
    os.setsid()
while True:
    time.sleep(0.01)
"""

    end, before = run_script(sandbox, body, timeout=2)

    assert end.timed_out
    assert end.code == -9
    assert "begun" in end.output
    assert nasty.digest(project.parent) == before
    assert nasty.gone(os.environ["NASTY_MARK"])


@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_what_outlives_a_script_is_ended_and_counted(request, run_script, kind):
    end, _ = run_script(request.getfixturevalue(kind), nasty.RELATIVE["leaves a daemon"])

    assert end.left == 1


@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_each_run_begins_as_if_it_were_the_first(request, run_script, kind):
    sandbox = request.getfixturevalue(kind)

    ends = [run_script(sandbox, nasty.RELATIVE["resume"])[0] for _ in range(2)]

    assert [end.code for end in ends] == [0, 0]


@pytest.mark.parametrize("kind", ["covered", "copied"])
def test_files_are_listed_by_what_happened_to_them(request, project, run_script, kind):
    body = """
Path('new.txt').write_text('x'); Path('sub/new').write_text('x')
Path('data.csv').write_text('longer than before'); os.remove('checkpoint.pt')
open('readonly.txt').read(); os.chmod('helper.py', 0o600)
open('sub/deep.txt', 'a').close()
"""

    end, _ = run_script(request.getfixturevalue(kind), body)

    relative = [
        tuple(os.path.relpath(path, project) for path in paths)
        for paths in vars(end.changes).values()
    ]
    assert relative == [
        ("new.txt", "sub/new"),
        ("data.csv", "helper.py"),
        ("checkpoint.pt",),
    ]


def test_deleted_folders_are_listed(project, covered, run_script):
    body = "shutil.rmtree('sub'); os.mkdir('empty'); shutil.rmtree(Path('~/.cache').expanduser()); "
    body += "os.mkdir(Path('~/.cache').expanduser())"

    end, _ = run_script(covered, body)

    home = Path(os.environ["HOME"])
    assert end.changes.written == (f"{project}/empty/",)
    assert end.changes.deleted == (f"{home}/.cache/", f"{project}/sub/")


def test_a_network_is_there_if_it_is_allowed(project, run_script, covered):
    names = "print(sorted(name for _, name in __import__('socket').if_nameindex()))"
    covered.has_network = True

    end, _ = run_script(covered, names)

    covered.has_network = False
    without, _ = run_script(covered, names)
    assert without.output == "['lo']\n"
    assert end.code == 0


def test_where_a_layer_is_refused_a_copy_is_used_and_the_reason_is_said(
    project, run_script, monkeypatch
):
    no_folder = project / "base.sqlite"
    impossible = [str(project), str(no_folder)]
    monkeypatch.setattr("lifesigns.prove.sandbox.layers", lambda *_: impossible)

    with Sandbox(project / "train.py", project) as sandbox:
        end, before = run_script(sandbox, nasty.RELATIVE["resume"])

        assert sandbox.is_copy
        assert str(no_folder) in sandbox.warning()
    assert end.code == 0
    assert nasty.digest(project.parent) == before


def test_a_working_directory_apart_from_the_script_is_copied_as_well(
    tmp_path, project, copied, monkeypatch
):
    (project / "train.py").write_text("open('out', 'w').write(open('other').read())")
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = nasty.digest(tmp_path)

    with Sandbox(project / "train.py", tmp_path / "elsewhere") as sandbox:
        order = [sys.executable, str(sandbox.inside(project / "train.py"))]
        end = sandbox.run(order, os.environ)

    assert end.code == 0, end.output
    assert end.changes.written == (str(tmp_path / "elsewhere" / "out"),)
    assert nasty.digest(tmp_path) == before


@pytest.mark.parametrize("switch", ["layers", "copy"])
def test_what_is_kept_lies_under_the_paths_of_outside(
    tmp_path, project, run_script, monkeypatch, switch
):
    monkeypatch.setenv(SWITCH, switch)
    with Sandbox(project / "train.py", project, keep=tmp_path / "kept") as sandbox:
        run_script(
            sandbox, "Path('sub/new').write_text('x'); os.remove('data.csv'); print('hello')"
        )

    arm = tmp_path / "kept" / "arm-1"
    assert (arm / f"files{project}/sub/new").read_text() == "x"
    assert (arm / "output.txt").read_text() == "hello\n"
    assert not {"layers", "copies"} & {path.name for path in arm.iterdir()}


def test_a_folder_that_is_gone_before_the_script_begins_hinders_nobody(project, covered, tmp_path):
    with Sandbox(project / "train.py", project) as sandbox:
        sandbox.layers.append(str(tmp_path / "gone"))

        end = sandbox.run([sys.executable, "-c", "print('begun')"], os.environ)

    assert (end.refused, end.output) == ("", "begun\n")
