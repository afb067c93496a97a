"""The commands of the README's five minutes, carried out in both languages."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOURS = {"en": ("README.md", "Five minutes"), "zh": ("README.zh.md", "五分钟上手")}
ELSEWHERE = {
    "prove": "tests/prove and tests/commands/test_prove.py",
    "rerun": "tests/commands/test_rerun.py",
    "live": "tests/live",
    "--live": "tests/commands/test_live_page.py",
    "claims": "tests/claims",
    "backprop": "tests/test_cli_explain.py, with another topic",
    "torch.distributed.run": "tests/commands/test_ranks.py",
}
"""What takes long, or stays until it is ended, by where it is tested."""
SHORTER = {"run": ("--max-steps", "60")}
SMALLER = {"lab": ("--steps", "20", "--seeds", "2", "--data", "iris", "--rate", "0.1"),
           "play": ("--no-open",)}  # fmt: skip
"""The same, but for less: options before and behind those that are given."""
CODES = {"compare": (0, 1), "check": (0, 1)}
CHINESE = re.compile("[\u4e00-\u9fff]")


def commands(language):
    """As they stand in the README, each once."""
    readme, heading = TOURS[language]
    text = (ROOT / readme).read_text(encoding="utf-8")
    section = re.split(r"^## ", text[text.index(f"## {heading}") + 3 :], maxsplit=1, flags=re.M)[0]
    found = re.findall(r"(?<=`)lifesigns [^`]+(?=`)|^lifesigns .*$", section, re.MULTILINE)
    return list(dict.fromkeys(line.strip() for line in found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("tour")
    shutil.copytree(ROOT / "examples", where / "examples")
    shutil.copy(ROOT / "examples/faulty/zero_start.py", where / "train.py")
    return where


def test_both_tours_have_the_same_commands():
    assert commands("en") == commands("zh")
    assert len(commands("en")) > 12


@pytest.mark.parametrize("language", TOURS)
def test_the_tour(forked, folder, language):
    for name in ("a", "b"):
        options = ("--save", f"{name}.lifesigns", "--max-steps", "30")
        forked("run", *options, "train.py", cwd=folder)
    for line in commands(language):
        _, command, *given = shlex.split(line)
        if ELSEWHERE.keys() & {command, *given}:
            continue
        given = [*SHORTER.get(command, ()), *given, *SMALLER.get(command, ())]

        done = forked(command, "--lang", language, *given, cwd=folder, timeout=60)

        said = done.stdout + done.stderr
        assert done.returncode in CODES.get(command, (0,)), (line, said)
        assert said.strip() or command == "report", line
        assert bool(CHINESE.search(said)) == (language == "zh" and command != "report"), line
