"""`lifesigns explain`, by rule, code and topic, in two languages."""

import pytest
from called import call


@pytest.mark.parametrize("name", ["saturated-units", "ACT002", "act002"])
def test_explain_takes_a_name_or_a_code(monkeypatch, capsys, name):
    code = call(monkeypatch, "explain", name)

    assert code == 0
    assert capsys.readouterr().out.startswith("ACT002 saturated-units\n")


def test_explain_shows_a_rule_and_then_the_topic_of_the_same_name(monkeypatch, capsys):
    from lifesigns.commands import explain as _command

    monkeypatch.setattr(_command, "show", lambda topic, *_: print(topic.name))

    code = call(monkeypatch, "explain", "dead-units")

    assert code == 0
    text = capsys.readouterr().out
    assert text.startswith("ACT001 dead-units\n")
    assert text.endswith("\n\ndead-units\n")


def test_explain_shows_the_rule_alone_by_its_code(monkeypatch, capsys):
    code = call(monkeypatch, "explain", "ACT001")

    assert code == 0
    assert capsys.readouterr().out.startswith("ACT001 dead-units\n")


def test_explain_shows_a_rule_in_chinese(monkeypatch, capsys):
    code = call(monkeypatch, "explain", "ACT002", "--lang", "zh")

    text = capsys.readouterr().out
    assert code == 0
    assert text.startswith("ACT002 saturated-units\n")
    assert "\n为什么有害\n" in text
    assert "Why it harms" not in text


@pytest.mark.parametrize(("language", "said"), [("en", "Measured here"), ("zh", "实测")])
def test_explain_shows_a_topic_in_both_languages(monkeypatch, capsys, tmp_path, language, said):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    code = call(monkeypatch, "explain", "cross-entropy", "--lang", language)

    text = capsys.readouterr().out
    assert code == 0
    assert said in text
    assert "233" in text


def test_explain_writes_a_topic_as_html(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "page.html"

    code = call(monkeypatch, "explain", "cross-entropy", "--html", str(path))

    assert (code, capsys.readouterr().out) == (0, f"written: {path}\n")
    assert "<math " in path.read_text(encoding="utf-8")


def test_explain_without_a_name_lists_the_topics(monkeypatch, capsys):
    code = call(monkeypatch, "explain")

    text = capsys.readouterr().out
    assert code == 0
    assert "cross-entropy" in text
    assert "lifesigns rules" in text
