import io
import os

import pytest

from lifesigns.locale.spoken import asked, of_locale, said, speaking, spoken, why_not_shown


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zha_CN"}, "en"),
    ],
)
def test_the_language_of_a_locale(environment, language):
    assert of_locale(environment) == language


def test_what_is_spoken_inside_ends_outside():
    before = spoken()
    with speaking("en", "zh"):
        assert (spoken(), asked()) == ("en", "zh")
    assert spoken() == before


def test_blanks_around_a_text_stay():
    with speaking("zh"):
        assert said("  3 steps\n", "verdict") == "  3 步\n"


@pytest.mark.parametrize(
    ("encoding", "reason"), [("utf-8", ""), ("gbk", ""), ("ascii", "encoding ascii has no Chinese")]
)
def test_an_encoding_without_chinese_is_named(encoding, reason):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)

    assert reason in why_not_shown(stream, {})


def test_a_console_without_a_chinese_font_is_named():
    class Console(io.StringIO):
        def isatty(self):
            return True

    assert "font" in why_not_shown(Console(), {"TERM": "linux"})
    assert why_not_shown(Console(), {**os.environ, "TERM": "xterm"}) == ""
