"""What is installed: the core without extras, and what the wheel says and holds."""

import re
import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from lifesigns._errors import MissingExtraError, UsageError, extra

ROOT = Path(__file__).parents[1]
CORE = {"numpy", "torch", "rich", "typer", "tomli"}
BLOCKED = ("sklearn", "scipy", "latex2mathml")
OF_INTEGRATIONS = {path.stem for path in ROOT.glob("src/lifesigns/integrations/[a-z]*.py")} | {
    "pandas"
}
WITHOUT_EXTRAS = f"""
import sys
sys.modules.update(dict.fromkeys({BLOCKED}))  # with None there, importing fails as if missing
from lifesigns.cli import main
main()
"""
SCRIPT = """
import torch
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
for _ in range(5):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
"""


def without_extras(*arguments, cwd=ROOT):
    command = [sys.executable, "-W", "error", "-c", WITHOUT_EXTRAS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


# --- the core -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments",
    [["rules"], ["explain"], ["explain", "ACT001"], ["functions"], ["functions", "gelu"]],
    ids=" ".join,
)
def test_the_manual_is_read_without_extras(arguments):
    done = without_extras(*arguments)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_training_is_run_checked_and_shown_without_extras(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)

    ran = without_extras("run", "--save", "run.lifesigns", "train.py", cwd=tmp_path)
    checked = without_extras("check", "train.py", cwd=tmp_path)
    shown = without_extras("show", "run.lifesigns", cwd=tmp_path)

    assert [done.returncode for done in (ran, checked, shown)] == [0, 0, 0]
    assert "5 steps" in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [["lab"], ["claims"], ["demo"], ["explain", "backprop"],
     ["explain", "dead-units", "--html", "topic.html"]],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_lacks_its_extra_says_what_to_install(arguments, tmp_path):
    done = without_extras(*arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'lifesigns[lab]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_rule_is_explained_where_the_topic_of_its_name_cannot_be_measured():
    done = without_extras("explain", "dead-units")

    assert done.returncode == 0
    assert done.stdout.startswith("ACT001 dead-units")
    assert "the topic dead-units is left out" in done.stderr
    assert "pip install 'lifesigns[lab]'" in done.stderr


def test_a_missing_extra_is_a_mistake_of_use_and_an_import_error():
    with pytest.raises(MissingExtraError, match="This needs no_such_package") as raised, extra("x"):
        import no_such_package.inner  # noqa: F401

    assert isinstance(raised.value, UsageError)
    assert isinstance(raised.value, ImportError)


def test_an_error_inside_an_installed_package_is_not_taken_for_a_missing_one():
    with pytest.raises(ImportError, match="cannot import name") as raised, extra("lab"):
        from lifesigns import nothing_of_that_name  # noqa: F401

    assert not isinstance(raised.value, MissingExtraError)


# --- the wheel ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT, timeout=120)
    (path,) = folder.glob("*.whl")
    with ZipFile(path) as file:
        yield file


@pytest.fixture(scope="module")
def metadata(wheel):
    (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(path).decode())


def required(metadata, extra):
    """Names of the packages that an extra, or the core (None), brings."""
    lines = metadata.get_all("Requires-Dist")
    parts = [(line, re.search(r"extra == '(\w+)'", line)) for line in lines]
    return {
        re.match(r"[\w-]+", line)[0]
        for line, named in parts
        if (named[1] if named else None) == extra
    }


def test_the_core_requires_these_packages_and_nothing_else(metadata):
    assert required(metadata, None) == CORE


def test_the_extra_for_developers_holds_all_the_others(metadata):
    apart = {"dev", "integrations", "benchmarks"}  # what we are compared with nobody needs
    others = set(metadata.get_all("Provides-Extra")) - apart - OF_INTEGRATIONS

    assert {"lab", "docs"} <= others
    for name in others:
        assert required(metadata, name) <= required(metadata, "dev")


def test_each_integration_has_an_extra_that_is_tested_with_the_others(metadata):
    assert set(metadata.get_all("Provides-Extra")) >= OF_INTEGRATIONS
    for name in OF_INTEGRATIONS - {"fastai"}:  # whose torchvision has to fit the build of torch
        assert required(metadata, name) <= required(metadata, "integrations")


def test_the_wheel_holds_the_licence_of_everything_in_it(wheel, metadata):
    vendored = list((ROOT / "src").rglob("LICENSE*"))

    named = metadata.get_all("License-File")

    assert vendored
    for path in (ROOT / "LICENSE", *vendored):
        name = path.relative_to(ROOT).as_posix()
        assert name in named
        (packed,) = (n for n in wheel.namelist() if n.endswith(f".dist-info/licenses/{name}"))
        assert wheel.read(packed) == path.read_bytes()


def test_every_kind_of_vendored_licence_is_in_the_expression(metadata):
    text = (ROOT / "src/lifesigns/report/vega/LICENSE").read_text(encoding="utf-8")

    kinds = {
        kind
        for line in re.findall(r"^=+\n(.*)$", text, re.MULTILINE)
        for kind in re.findall(r"\(([\w.-]+)\)", line)
    }

    assert {"BSD-3-Clause", "ISC", "MIT"} <= kinds
    assert {"Apache-2.0", *kinds} <= set(metadata["License-Expression"].split(" AND "))


def test_every_python_that_is_supported_has_its_classifier(metadata):
    minors = [
        int(match[1])
        for line in metadata.get_all("Classifier")
        if (match := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", line))
    ]

    assert minors == list(range(minors[0], minors[-1] + 1))
    assert metadata["Requires-Python"] == f">=3.{minors[0]}"


def test_the_first_use_of_the_package_leaves_the_random_numbers_of_python_alone():
    code = (
        "import random, lifesigns; random.seed(0); lifesigns.watch; given = random.random(); "
        "random.seed(0); assert given == random.random()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
