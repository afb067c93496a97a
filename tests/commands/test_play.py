"""`lifesigns play`: one file, written whole or not at all, and opened unless told otherwise."""

import re
import webbrowser

import pytest

from lifesigns._errors import LifesignsError, UsageError
from lifesigns.commands.play import play
from lifesigns.locale.spoken import said_in
from lifesigns.play.own_table import SENTENCES, Problem

pytest.importorskip("sklearn", reason="its data sets are in the file: pip install lifesigns[lab]")


@pytest.fixture
def opened(monkeypatch):
    addresses = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_the_file_is_written_and_opened(tmp_path, opened, capsys):
    file = tmp_path / "play.html"

    assert play(file, lesson="zero-start", lang="zh") == 0

    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert '"lesson":"zero-start","language":"zh"' in text
    assert opened == [file.as_uri()]
    assert "play.html" in capsys.readouterr().err


def test_with_no_open_it_is_only_written(tmp_path, opened):
    play(tmp_path / "play.html", opened=False)

    assert opened == []


def test_a_table_is_put_in(tmp_path, opened):
    table = tmp_path / "own.csv"
    table.write_text("x,y\n1,</script>\n2,b\n", encoding="utf-8")

    play(tmp_path / "play.html", data=table, opened=False)

    text = (tmp_path / "play.html").read_text(encoding="utf-8")
    assert '"name":"own.csv","text":"x,y\\n1,\\u003c/script>\\n2,b\\n"' in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "none.csv does not exist; a CSV file is expected"),
        (".", None, "is a folder; a CSV file"),
        ("own.csv", b"\xff\xfe\x00\xd8", "UTF-8"),
        ("own.csv", b"a,b\n1,2\nx,3", r"own.csv: line 3: 'x' in column a is no number\. Only the"),
        (
            "own.csv",
            b"1,2\n" * 3_000_000,
            "own.csv: it has more than 2,000,000 char",
        ),
    ],
)
def test_a_table_that_is_none_is_a_mistake_of_the_user(tmp_path, name, content, said):
    table = tmp_path / name
    if content is not None:
        table.write_bytes(content)

    with pytest.raises(UsageError, match=said):
        play(tmp_path / "play.html", data=table, opened=False)

    assert not (tmp_path / "play.html").exists()


@pytest.mark.parametrize(
    "found",
    [
        Problem(
            word, 3, (1, 64) if word == "csv-width" else 5, (1, 64) if word == "csv-width" else 7
        )
        for word in SENTENCES
    ],
    ids=lambda found: found.word,
)
def test_each_mistake_in_a_table_is_said_in_chinese(found):
    english = f"--data own.csv: {found}"

    assert re.search("[\u4e00-\u9fff]", said_in("zh", english, "errors")), english


def test_a_lesson_has_data_of_its_own(tmp_path):
    with pytest.raises(UsageError, match="--lesson or --data"):
        play(tmp_path / "play.html", lesson="relu-dies", data=tmp_path / "own.csv")


def test_the_table_is_never_written_over(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("x,y\n1,2\n", encoding="utf-8")

    with pytest.raises(LifesignsError):
        play(table, data=table, opened=False)

    assert table.read_text(encoding="utf-8") == "x,y\n1,2\n"


def test_a_lesson_that_there_is_not_gets_near_names(tmp_path):
    with pytest.raises(UsageError, match="relu-dies"):
        play(tmp_path / "play.html", lesson="relu-die", opened=False)
