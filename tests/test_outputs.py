"""What is no regular file is refused by everything that writes, and stays as it was."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lifesigns import _outputs
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.records import RunInfo, Trace
from lifesigns.report import Report
from lifesigns.report.functions_html import write_page
from lifesigns.store import RunWriter, schema

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files on this system")


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def a_device(path, kind="c"):
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    done = subprocess.run(["mknod", path, kind, "1", "3"], capture_output=True)
    if done.returncode:
        pytest.skip("no devices in this container")


def a_link_to(make):
    def link(path):
        target = path.with_name("target")
        make(target)
        path.symlink_to(target)

    return link


KINDS = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": a_socket,
    "device": a_device,
    "block device": lambda path: a_device(path, "b"),
    "link to a pipe": a_link_to(os.mkfifo),
    "link to a socket": a_link_to(a_socket),
    "link to a device": a_link_to(a_device),
    "link to a folder": a_link_to(Path.mkdir),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "looping link": lambda path: path.symlink_to(path),
    "file in no folder": lambda path: None,
}
OUTPUTS = {
    "--save": lambda path: RunWriter(path, RunInfo()),
    "write_json": lambda path: Report(Trace(), ()).write_json(path),
    "write_html": lambda path: Report(Trace(), ()).write_html(path),
    "write_sarif": lambda path: Report(Trace(), ()).write_sarif(path),
    "--html": write_page,
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Made in the current folder: the path of a socket may not be long."""
    monkeypatch.chdir(tmp_path)

    def make(kind):
        path = tmp_path / ("none/x" if kind == "file in no folder" else "x")
        KINDS[kind](path)
        return path

    return make


def state(folder):
    return {p.name: (p.lstat().st_mode, p.lstat().st_ino, p.lstat().st_mtime_ns)
            for p in folder.iterdir()}  # fmt: skip


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_refused_and_untouched(place, tmp_path, kind, output):
    path = place(kind)
    before = state(tmp_path)

    with pytest.raises(UsageError, match=str(path)):
        OUTPUTS[output](path)

    assert state(tmp_path) == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "older" not in kind])
def test_what_is_no_folder_is_refused_as_one(place, kind):
    path = place(kind)
    if kind in ("folder", "link to a folder", "file in no folder"):
        _outputs.make_folder(path)
        assert list(path.iterdir()) == []
        return

    with pytest.raises(UsageError, match=str(path)):
        _outputs.make_folder(path)


@pytest.mark.parametrize("option", ["--save", "--json", "--sarif"])
@pytest.mark.parametrize("kind", ["pipe", "dangling link", "folder"])
def test_the_command_refuses_before_training(place, option, kind):
    path = place(kind)
    Path("train.py").write_text("print('trained')")
    command = [sys.executable, "-m", "lifesigns", "run", option, path, "train.py"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert str(path) in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--json", "train.py"],
        ["--save", "train.py"],
        ["--json", "./link.py"],
        ["--json", "one", "--sarif", "one"],
        ["--json", "one", "--save", "./one"],
        ["--json", "-", "--sarif", "-"],
        ["--json", "run.ls"],
        ["--save", "-"],
    ],
)
def test_no_output_is_written_over_another_the_script_or_a_run(place, options):
    Path("train.py").write_text("print('trained')")
    Path("link.py").symlink_to("train.py")
    RunWriter(Path("run.ls"), RunInfo()).close()
    before = state(Path())
    command = [sys.executable, "-m", "lifesigns", "run", *options, "train.py"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert state(Path()) == before


def test_where_standard_output_goes_is_not_replaced(tmp_path):
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-c", "import lifesigns._outputs as o, pathlib as p\n"
             "print(1, flush=True); o.write(p.Path('/dev/stdout'), 'x')"],
            stdout=out, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    assert "take - for standard output" in done.stderr
    assert (tmp_path / "out").read_text() == "1\n"


def test_a_dash_is_standard_output(capsys):
    _outputs.write(Path("-"), "text\n")

    assert capsys.readouterr().out == "text\n"
    assert not Path("-").exists()


def test_a_link_to_a_regular_file_is_followed_and_the_mode_kept(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)

    _outputs.write(link, "new")

    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_new_file_has_the_mode_that_open_gives(tmp_path):
    (tmp_path / "plain").touch()

    _outputs.write(tmp_path / "ours", "text")
    RunWriter(tmp_path / "run.ls", RunInfo()).close()

    modes = {path.stat().st_mode & 0o666 for path in tmp_path.iterdir()}
    assert len(modes) == 1


FULL = """
import resource, sys
from pathlib import Path
from lifesigns import _outputs
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
_outputs.write(Path(sys.argv[1]), "x" * 200)
"""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")

    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True)

    assert LifesignsError.__name__ in done.stderr
    assert f"{path} could not be written: File too large" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_file_is_known_by_its_first_bytes(tmp_path):
    RunWriter(tmp_path / "run.ls", RunInfo()).close()
    (tmp_path / "text").write_text("SQLite format 3")

    assert _outputs.is_run_file(tmp_path / "run.ls")
    assert not _outputs.is_run_file(tmp_path / "text")
    assert schema.APPLICATION_ID == _outputs.APPLICATION_ID
