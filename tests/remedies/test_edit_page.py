"""The page of the edits says of each what it changes, when it is unsafe and who asks for it."""

from lifesigns.remedies import EDITS, all_manuals, markdown


def test_each_edit_has_a_section_with_a_difference_and_the_rules_that_ask_for_it():
    page = markdown(all_manuals(), EDITS)

    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert list(sections) == [manual.name for manual in all_manuals()]
    for manual in all_manuals():
        text = sections[manual.name]
        assert manual.changes in text
        assert manual.unsafe in text
        assert "```diff\n" in text
        for rule, names in EDITS.items():
            assert (f"(rules/{rule}.md)" in text) == (manual.name in names)


def test_only_the_lines_that_change_are_shown():
    clip = next(manual for manual in all_manuals() if manual.name == "clip-gradient")

    page = markdown([clip], EDITS)

    shown = page.partition("```diff\n")[2].partition("```")[0]
    assert shown == "+    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n"
