import importlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest
from called import call

import lifesigns
from lifesigns import cli
from lifesigns._errors import LifesignsError
from lifesigns.records import Cost, RunInfo
from lifesigns.rules import Selection
from lifesigns.store import RunWriter

COMMANDS = (
    "run",
    "rerun",
    "check",
    "show",
    "report",
    "live",
    "compare",
    "rules",
    "explain",
    "demo",
    "functions",
)


def replaced(monkeypatch, module, function, code=0, error=None):
    """Puts a function that only notes its arguments in the place of a command's implementation."""
    calls = []

    def note(*arguments, **options):
        calls.append((arguments, options))
        if error is not None:
            raise error
        return code

    stand_in = types.ModuleType(module)
    setattr(stand_in, function, note)
    package, _, name = module.rpartition(".")
    monkeypatch.setitem(sys.modules, module, stand_in)
    if package != "lifesigns":
        monkeypatch.setattr(importlib.import_module(package), name, stand_in, raising=False)
    return calls


@pytest.fixture
def runs(monkeypatch):
    return replaced(monkeypatch, "lifesigns.commands.run", "run", code=7)


UNSELECTED = {"sarif_path": None, "selection": Selection(), "output_format": "text"}
DEFAULTS = {
    "module": False,
    "every": None,
    "budget": 0.01,
    "json_path": None,
    "save": None,
    "stop_on": None,
    "max_steps": None,
    "strict": False,
    "sarif_path": None,
    "html_path": None,
    "live": False,
    "selection": Selection(),
    "output_format": "text",
}


@pytest.mark.parametrize(
    ("given", "target", "own"),
    [
        (["train.py"], "train.py", []),
        (["train.py", "--help"], "train.py", ["--help"]),
        (
            ["train.py", "--json", "x", "-m", "--every"],
            "train.py",
            ["--json", "x", "-m", "--every"],
        ),
        (["train.py", "a", "--", "b", "-x"], "train.py", ["a", "--", "b", "-x"]),
        (["--", "-odd-name.py", "--epochs"], "-odd-name.py", ["--epochs"]),
        (["train.py", "", "sp ace", "--version"], "train.py", ["", "sp ace", "--version"]),
    ],
)
def test_everything_after_the_script_is_the_scripts_own(monkeypatch, runs, given, target, own):
    code = call(monkeypatch, "run", *given)

    assert runs == [((target, own), DEFAULTS)]
    assert code == 7


def test_everything_after_the_module_is_the_modules_own(monkeypatch, runs):
    call(monkeypatch, "run", "--every", "3", "-m", "package.train", "--epochs", "3", "-m", "x")

    own = ["--epochs", "3", "-m", "x"]
    assert runs == [(("package.train", own), DEFAULTS | {"module": True, "every": 3})]


def test_all_options_of_run_arrive(monkeypatch, runs, tmp_path):
    call(
        monkeypatch, "run", "--budget", "2%", "--json", str(tmp_path / "r.json"), "--save", "r.ls",
        "--stop-on", "error", "--max-steps", "9", "--strict",
        "--html", str(tmp_path / "r.html"), "train.py",
    )  # fmt: skip

    assert runs[0][1] == DEFAULTS | {
        "budget": 0.02,
        "json_path": tmp_path / "r.json",
        "save": Path("r.ls"),
        "stop_on": "error",
        "max_steps": 9,
        "strict": True,
        "html_path": tmp_path / "r.html",
        "live": False,
        "selection": Selection(),
    }


def test_everything_after_the_script_of_rerun_is_the_scripts_own(monkeypatch):
    runs = replaced(monkeypatch, "lifesigns.commands.rerun", "rerun", code=4)

    code = call(
        monkeypatch, "rerun", "--timeout", "9", "--allow-network", "--json", "--keep", "d",
        "train.py", "--timeout", "3",
    )  # fmt: skip

    options = {"module": False, "timeout": 9.0, "allow_network": True, "json_output": True}
    assert runs == [(("train.py", ["--timeout", "3"]), options | {"keep": Path("d")})]
    assert code == 4


@pytest.mark.parametrize(
    ("text", "share"), [("1%", 0.01), ("0.5%", 0.005), ("0.01", 0.01), ("100%", 1.0), ("1", 1.0)]
)
def test_a_budget_is_a_share_or_a_percentage(monkeypatch, runs, text, share):
    call(monkeypatch, "run", "--budget", text, "train.py")

    assert runs[0][1]["budget"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["run"], "SCRIPT"),
        (["run", "--every", "0", "train.py"], "--every"),
        (["run", "--every", "2.5", "train.py"], "--every"),
        (["run", "--every", "2", "--budget", "1%", "train.py"], "--every and --budget exclude"),
        (["run", "--budget", "5", "train.py"], "'5' is no share of the training time"),
        (["run", "--budget", "0%", "train.py"], "'0%' is no share"),
        (["run", "--budget", "nan", "train.py"], "'nan' is no share"),
        (["run", "--budget", "lots", "train.py"], "'lots' is no share"),
        (["run", "--max-steps", "0", "train.py"], "--max-steps"),
        (["run", "--stop-on", "warning", "train.py"], "warning"),
        (["run", "--json", "no/such/report.json", "train.py"], "no/such does not exist"),
        (["run", "--json", "/", "train.py"], "is a folder"),
        (["run", "--no-such-option", "train.py"], "--no-such-option"),
        (["check"], "FILE[:FACTORY]"),
        (["show"], "RUN"),
        (["live"], "RUN"),
        (["explain", "dead-unit"], "Did you mean dead-units"),
        (["explain", "XYZ123"], "There is no rule or topic 'XYZ123'"),
        (["explain", "ACT001", "--lang", "tlh"], "--lang"),
        (["no-such-command"], "no-such-command"),
        (["demo", "--seed", "x"], "--seed"),
    ],
)
def test_a_mistake_ends_with_code_2_a_message_and_no_training(
    monkeypatch, capsys, runs, given, message
):
    code = call(monkeypatch, *given)

    captured = capsys.readouterr()
    assert code == 2
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert runs == []


def test_an_error_of_lifesigns_is_a_message_and_no_traceback(monkeypatch, capsys):
    error = LifesignsError("train.py: no such file")
    replaced(monkeypatch, "lifesigns.commands.run", "run", error=error)

    code = call(monkeypatch, "run", "train.py")

    assert (code, capsys.readouterr().err) == (2, "lifesigns: train.py: no such file\n")


def test_another_error_is_not_hidden_and_no_hook_is_changed(monkeypatch):
    replaced(monkeypatch, "lifesigns.commands.run", "run", error=ZeroDivisionError())
    monkeypatch.setattr(sys, "argv", ["lifesigns", "run", "train.py"])
    hook = sys.excepthook

    with pytest.raises(ZeroDivisionError):
        cli.main()

    assert sys.excepthook is hook


def test_check_hands_on_its_target_and_its_verdict(monkeypatch, tmp_path):
    calls = replaced(monkeypatch, "lifesigns.commands.check", "check", code=1)

    code = call(monkeypatch, "check", "net.py:make", "--json", str(tmp_path / "c.json"))

    assert (code, calls) == (
        1,
        [(("net.py:make",), {"json_path": tmp_path / "c.json", **UNSELECTED})],
    )


def test_check_hands_on_a_script(monkeypatch, tmp_path):
    script = tmp_path / "train.py"
    script.touch()
    calls = replaced(monkeypatch, "lifesigns.commands.check", "check", code=1)

    code = call(monkeypatch, "check", str(script))

    assert (code, calls) == (1, [((str(script),), {"json_path": None, **UNSELECTED})])


def test_live_hands_on_where_to_listen(monkeypatch):
    calls = replaced(monkeypatch, "lifesigns.commands.live", "live")
    options = {"host": "127.0.0.1", "port": 0, "opened": False, "selection": Selection()}

    call(monkeypatch, "live", "run.ls")
    call(monkeypatch, "live", "--host", "0.0.0.0", "--port", "8123", "--open", "run.ls")

    asked = {"host": "0.0.0.0", "port": 8123, "opened": True, "selection": Selection()}
    assert calls == [((Path("run.ls"),), options), ((Path("run.ls"),), asked)]


def test_run_hands_on_that_a_page_is_wanted(monkeypatch, runs):
    call(monkeypatch, "run", "--live", "train.py")

    assert runs == [(("train.py", []), DEFAULTS | {"live": True})]


def test_show_hands_on_the_path_and_the_form(monkeypatch):
    calls = replaced(monkeypatch, "lifesigns.commands.show", "show")

    code = call(monkeypatch, "show", "run.ls", "--json")

    assert (code, calls) == (0, [((Path("run.ls"),), {"json_output": True, **UNSELECTED})])


def test_demo_hands_on_fault_and_seed(monkeypatch):
    calls = replaced(monkeypatch, "lifesigns.commands.demo", "demo")

    call(monkeypatch, "demo")
    call(monkeypatch, "demo", "--fault", "zero-init", "--seed", "3")

    assert calls == [((None, 0), {}), (("zero-init", 3), {})]


def test_the_help_of_demo_names_the_faults_there_are(monkeypatch, capsys):
    from lifesigns.commands.demo import FAULTS

    call(monkeypatch, "demo", "--help")

    text = " ".join(capsys.readouterr().out.split())
    assert ", ".join(fault.name for fault in FAULTS) in text


def test_rules_lists_them(monkeypatch, capsys):
    code = call(monkeypatch, "rules")

    assert code == 0
    assert "ACT001  dead-units" in capsys.readouterr().out


def test_the_version_is_the_packages(monkeypatch, capsys):
    code = call(monkeypatch, "--version")

    assert (code, capsys.readouterr().out) == (0, f"lifesigns {lifesigns.__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_described(monkeypatch, capsys, command):
    call(monkeypatch, "--help")
    overview = capsys.readouterr().out
    code = call(monkeypatch, command, "--help")

    line = next(x for x in overview.splitlines() if x.strip().startswith(f"{command} "))
    assert line.endswith(".")
    assert not line.endswith("...")
    assert code == 0
    assert "Usage: lifesigns" in capsys.readouterr().out


def without_torch(*arguments):
    """Standard output of `lifesigns ARGUMENTS` in a process that may not import torch."""
    program = (
        "import sys, lifesigns.cli\n"
        f"sys.argv = ['lifesigns', *{arguments}]\n"
        "sys.modules['torch'] = None\n"
        "lifesigns.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    "given", [["--help"], ["--version"], ["rules"], ["explain"], ["explain", "INI001"]]
)
def test_what_only_informs_does_not_import_torch(given):
    assert without_torch(*given)


def test_the_report_of_a_stored_run_needs_no_torch(tmp_path):
    path = tmp_path / "run.ls"
    with RunWriter(path, RunInfo("train.py")) as writer:
        writer.finish((), "finished", cost=Cost(), steps=0)

    report = json.loads(without_torch("show", str(path), "--json"))

    assert report["command"] == "train.py"


def test_a_reader_that_stops_early_gets_no_traceback():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "lifesigns", "explain", "ACT001"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert "Traceback" not in done.stderr


INFORMING = [["rules"], ["explain", "ACT001"], ["functions"], ["--help"]]
LIMITED = """
import resource, sys, lifesigns.cli
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
sys.argv = ["lifesigns", *sys.argv[1:]]
lifesigns.cli.main()
"""


@pytest.mark.parametrize("given", INFORMING)
def test_a_full_disk_under_standard_output_is_one_line_and_a_code(tmp_path, given):
    with (tmp_path / "out").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, *given], stdout=out, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == "lifesigns: the output could not be written: File too large.\n"


@pytest.mark.parametrize("given", INFORMING)
def test_a_reader_that_has_gone_ends_it_quietly(given):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "lifesigns", *given],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert done.stderr == ""
    assert done.returncode in (0, 1)
