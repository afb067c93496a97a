import pickle

import pytest

from lifesigns._errors import LONGEST, UsageError, shown


def test_a_message_that_quotes_a_file_cannot_steer_the_terminal():
    error = UsageError("no column \x1b[2J\x9b31m\u202e \udce9 in größe.csv\nnext line")

    assert str(error) == r"no column \x1b[2J\x9b31m\u202e \udce9 in größe.csv" + "\nnext line"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def deep():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**5000, deep(), ["x" * 500] * 500, b"\0" * 500],
    ids=["text", "digits", "nested", "list", "bytes"],
)
def test_whatever_a_value_is_a_message_quotes_a_line_of_it(value):
    assert 0 < len(shown(value)) <= LONGEST
