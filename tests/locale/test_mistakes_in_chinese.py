"""Mistakes of a user, with `--lang zh`: what was given, what was expected, the next step.

The words of the system (`No such file or directory`) and of Python's parsers stay as these say
them.
"""

import re

import numpy as np
import pytest
from called import call
from english import english

TABLES = {
    "head.csv": "1,2\n3,4\n",
    "ragged.csv": "a,b\n1,2\n3\n",
    "few.csv": "a,b\n1,2\n",
    "marks.csv": "a;b\n1,5;2\n3.5;4\n",
    "doubtful.csv": "a;b\n1,500;2.5\n" + "1,250;2\n" * 30,
    "gap.csv": "a,b\n1,2\n,2\n",
    "words.csv": "a,b\n1,2\nred,2\n",
    "same.csv": "a,b\n" + "1,2\n" * 30,
    "twice.csv": "a,a,b\n1,2,3\n",
    "text.txt": "hello\n",
    "empty.run": "",
    "train.py": "x = 1\n",
}
DESIGNS = ("activations = 3", "foo = 3", "momentum = 3.0", "hidden = [0]",
           "rates = ['a']", "steps = 'x'", "data = 3", "activations = []", "seeds = 0",
           "losses = ['qqq']", "initialisers = ['zero']", "target = 'z'",
           "rates = [0.0]", "weight_decay = -1.0", "optimizers = ['sdg']")  # fmt: skip
SETTINGS = ("every = 'x'", "budget = 3", "select = 3", "foo = 1", "per-site-ignores = 3",
            "ignore = ['foo']")  # fmt: skip
MISTAKES = """
show none.run
show folder
show text.txt
show empty.run
show text.txt --select FOO
show text.txt --select dead-unit
show text.txt --json --sarif -
run none.py
run folder
run -m nomodule
run --json folder train.py
run --json missing/where.json train.py
run --json text.txt train.py
run --save text.txt train.py
run --save - train.py
run --json /dev/tty train.py
run --json a.json --sarif a.json train.py
run --json train.py train.py
run --every 0 train.py
run --budget 5 train.py
run --every 3 --budget 1% train.py
run --stop-on foo train.py
run --max-steps x train.py
run --foo train.py
run
foo
chek
--foo
explain dead-unit
explain xyz
explain loss-flat --html x.html
functions rlu
functions qqq
functions --html folder
lab
lab --data foo
lab --data digit
lab --data none.csv
lab --data few.csv --target z
lab --data single.npy
lab --data digits --net 3x
lab --data digits --net 0
lab --data digits --rate abc
lab --data digits --rate -1
lab --data digits --activation rlu
lab --data digits --activation qqq
lab --data digits --init hee
lab --data digits --seeds 0
lab --data digits --on mars
lab --data digits --jobs 999999
lab --data digits --target z
lab --data diabetes --loss cross_entropy --activation relu --rate 0.1
lab none.toml
claims foo
claims sigmoid-saturate
demo --fault foo
compare text.txt
compare text.txt none.run
prove none.py
prove folder
prove --on mars train.py
prove --metric (a)(b) train.py
rerun none.py
rerun --keep text.txt train.py
play --lesson foo
play --lesson zero-star
play -o folder
check foo
check train.py:foo
check none.py:foo
check train.py train.py --json x.json
report text.txt
report text.txt -o folder
report text.txt -o text.txt
report text.txt -o - --every 3
live none.run
live text.txt --port 99999
"""


KEYS = re.compile(r"\b(every|steps|optimizers|losses|rates)\b")
"""Of designs and settings: as these are written."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place with files that are none of what is expected."""
    (tmp_path / "folder").mkdir()
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    np.savez(tmp_path / "x.npz", x=1)
    np.save(tmp_path / "single.npy", np.ones(3))
    np.savez(tmp_path / "unlike.npz", X=np.ones((5, 2)), y=np.ones(4))
    np.savez(tmp_path / "nan.npz", X=np.full((30, 2), np.nan), y=np.arange(30.0))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(monkeypatch, capsys):
    """What is said of a mistake."""

    def calling(line):
        command, *rest = line.split()
        words = [command, *rest] if "--lang" in line else [command, "--lang", "zh", *rest]
        if command.startswith("--") and "--lang" not in line:
            words = ["--lang", "zh", *words]
        code = call(monkeypatch, *words)
        assert code == 2, (line, capsys.readouterr())
        out = capsys.readouterr()
        return [text for text in (out.out + out.err).splitlines() if english(KEYS.sub("", text))]

    return calling


def test_commands(folder, said):
    left = {line: said(line) for line in MISTAKES.split("\n") if line}

    assert {line: texts for line, texts in left.items() if texts} == {}


def test_data(folder, said):
    names = [path.name for path in folder.iterdir() if path.suffix in (".csv", ".npz")]
    left = {name: said(f"lab --data {name} --activation relu --init he --rate 0.1 --loss "
                       "squared_error --net 4") for name in names}  # fmt: skip

    assert {name: texts for name, texts in left.items() if texts} == {}


def test_designs(folder, said):
    left = {}
    for text in DESIGNS:
        data = "" if text.startswith("data") else "data = 'digits'"
        (folder / "design.toml").write_text(f"{text}\n{data}\n")
        left[text] = said("lab design.toml")

    assert {text: lines for text, lines in left.items() if lines} == {}


def test_settings(folder, said):
    left = {}
    for text in SETTINGS:
        (folder / "pyproject.toml").write_text(f"[tool.lifesigns]\n{text}\n")
        left[text] = said("run train.py")

    assert {text: lines for text, lines in left.items() if lines} == {}
