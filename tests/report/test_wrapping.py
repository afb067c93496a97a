"""Lines break where a reader of the language expects it."""

import hypothesis.strategies as st
from hypothesis import given
from rich.cells import cell_len

from lifesigns.report.wrapping import CLOSING, OPENING, wrapped

WORDS = st.lists(
    st.sampled_from(
        ["梯度", "消失，", "（即", "σ′）", "gradient", " ", "神经元。", "“饱和”", "ReLU "]
    )
)


def test_english_breaks_at_spaces_only():
    assert wrapped("a unit's don't-care slope", 10) == ["a unit's", "don't-care", "slope"]


def test_chinese_breaks_between_characters_and_counts_two_columns_for_each():
    assert wrapped("神经元学不动", 6) == ["神经元", "学不动"]


def test_punctuation_stays_with_its_neighbour():
    assert wrapped("饱和（即平坦）。", 6) == ["饱和", "（即平", "坦）。"]


def test_a_formula_stays_on_one_line():
    assert wrapped("its slope at z = 0 is 1/4", 15) == ["its slope at", "z = 0 is 1/4"]


def test_a_long_word_is_left_whole():
    assert wrapped("see https://example.org/a-long-address there", 10)[1].endswith("address")


@given(WORDS, st.integers(10, 40))
def test_nothing_is_lost_and_no_line_starts_or_ends_wrongly(words, width):
    text = "".join(words)

    lines = wrapped(text, width)

    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(line) <= width for line in lines if len(line) > 4 and " " in line)
    assert not any(line[:1] in CLOSING for line in lines[1:] if line)
    assert not any(line[-1:] in OPENING for line in lines[:-1] if line)
