"""Every edit says in Chinese what it changes and when it is unsafe; and so does their page."""

import re
from dataclasses import replace

from english import english

from lifesigns.locale import FOLDER
from lifesigns.locale.templates import sentences_of
from lifesigns.remedies import EDITS, all_manuals, markdown

TEXTS = ("title", "changes", "unsafe")
CHINESE = re.compile("[\u4e00-\u9fff]")


def of(manual):
    return sentences_of("zh", ("remedies", manual.name))


def test_each_text_of_an_edit_has_a_chinese_one():
    missing = [
        f"{manual.name}: write the Chinese of {text!r}, as it now reads, into "
        f"src/lifesigns/locale/zh/remedies/{manual.name}.toml: {getattr(manual, text)!r}"
        for manual in all_manuals()
        for text in TEXTS
        if getattr(manual, text) not in of(manual)
    ]

    assert not missing, "\n".join(missing)


def test_no_chinese_text_is_of_an_edit_or_a_sentence_that_is_gone():
    manuals = {manual.name: manual for manual in all_manuals()}
    files = {path.stem for path in (FOLDER / "zh/remedies").glob("*.toml")}

    assert files <= manuals.keys()
    for manual in manuals.values():
        assert set(of(manual)) <= {getattr(manual, text) for text in TEXTS}, manual.name


def test_a_title_has_no_stop_and_the_other_texts_are_sentences():
    for manual in all_manuals():
        for text, said in of(manual).items():
            assert CHINESE.search(said), said
            assert said.endswith("。") == (text != manual.title), said


def test_their_page_is_chinese_but_for_code_and_references():
    page = markdown(all_manuals(), EDITS, "zh")

    text = re.sub(r"```.*?```|^- .*?$", "", page, flags=re.DOTALL | re.MULTILINE)
    assert page.count("\n## ") == len(all_manuals())
    assert [line for line in text.splitlines() if english(line)] == []


def test_a_text_that_nobody_has_translated_is_in_english():
    manual = replace(all_manuals()[0], changes="What nobody has translated yet.")

    assert "**改什么**：What nobody has translated yet.\n" in markdown([manual], EDITS, "zh")
