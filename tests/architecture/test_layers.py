import subprocess
import sys
from pathlib import Path

import pytest

import lifesigns

ROOT = Path(__file__).parents[2]
WITHOUT_TORCH = ["records", "_errors", "rules", "store", "report", "cli"]


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


def test_imports_point_downward_as_the_contracts_say():
    enter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = python("-c", enter, "--no-cache")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_needs_no_tensors_does_not_import_torch(module):
    look = (
        f"import lifesigns.{module}, sys; print(sorted({{'torch', 'sklearn'}} & set(sys.modules)))"
    )

    done = python("-c", look)

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_help_is_printed_without_importing_torch():
    done = python("-X", "importtime", "-m", "lifesigns", "--help")

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert "run" in done.stdout
    assert "lifesigns.cli" in imported
    assert "torch" not in imported


def test_the_public_api_is_this_and_nothing_else():
    assert sorted(lifesigns.__all__) == [
        "Report",
        "Watcher",
        "__version__",
        "check",
        "proof",
        "watch",
    ]


def test_each_public_name_is_there_and_documented():
    for name in set(lifesigns.__all__) - {"__version__"}:
        assert callable(getattr(lifesigns, name))
        assert getattr(lifesigns, name).__doc__


def test_judging_a_trace_does_not_import_torch():
    judge = "from lifesigns import records, rules; print(rules.judge(records.Trace()))"

    done = python("-c", f"import sys; {judge}; print('torch' in sys.modules)")

    assert (done.stdout.split()[-1], done.stderr) == ("False", "")


def test_importing_the_package_alone_does_not_import_torch():
    done = python("-c", "import sys, lifesigns; print('torch' in sys.modules)")

    assert (done.stdout.strip(), done.stderr) == ("False", "")
