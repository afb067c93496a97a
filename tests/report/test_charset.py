import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifesigns.report.charset import ASCII, encodable


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252", "utf-16"])
@given(text=st.text() | st.characters(categories=["Cs", "Cc"]))
def test_any_text_can_be_written_and_holds_no_control_character(text, encoding):
    fitted = encodable(text, encoding)

    fitted.encode(encoding)
    assert all(c.isprintable() or c in "\n\u00a0" for c in fitted)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text):
    assert encodable(text, "ascii") == text


def test_what_lifesigns_writes_itself_has_readable_stand_ins():
    assert encodable("σ′ ≤ 0.1 × 2 → 1 … ▁█", "ascii") == "sigma' <= 0.1 x 2 -> 1 ... _#"
    assert all(stand_in.isascii() for stand_in in ASCII.values())


def test_what_the_stream_can_carry_is_kept():
    assert encodable("0.1 × 2 → ö", "cp1252") == "0.1 × 2 -> ö"


def test_escape_sequences_lose_their_power():
    assert encodable("\x1b[31mred", "utf-8") == r"\x1b[31mred"
