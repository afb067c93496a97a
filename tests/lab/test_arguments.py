import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.arguments import design_of, rates_of
from lifesigns.lab.design import Design
from lifesigns.lab.pages import as_toml


def test_options_use_the_words_of_the_field():
    design = design_of(
        None,
        {"data": "digits", "activations": "relu,Leaky-ReLU,linear", "initialisers": "he,glorot",
         "losses": "mse,ce", "rates": "1e-3:1:log", "hidden": "64-32", "seeds": 4, "steps": None},
    )  # fmt: skip

    assert design.activations == ("relu", "leaky_relu", "none")
    assert design.initialisers == ("he_normal", "glorot_uniform")
    assert design.losses == ("squared_error", "cross_entropy")
    assert (design.rates[0], design.rates[-1], len(design.rates)) == (0.001, 1.0, 7)
    assert (design.hidden, design.seeds, design.steps) == ((64, 32), 4, 500)


def test_a_file_is_the_same_design_and_options_go_before_it(tmp_path):
    design = Design("iris", hidden=(8,), rates=(0.1, 1.0), target=None)
    path = tmp_path / "design.toml"
    path.write_text(as_toml(design))

    assert design_of(path, {}) == design
    assert design_of(path, {"seeds": 3}).seeds == 3


@pytest.mark.parametrize(
    ("text", "rates"),
    [("0.1", (0.1,)), ("1,2", (1.0, 2.0)), ("0.01:1:log:3", (0.01, 0.1, 1.0))],
)
def test_rates_are_a_list_or_a_range(text, rates):
    assert rates_of(text) == rates


@pytest.mark.parametrize(
    "text", ["high", "1:2:3:4:5", "1:0.1:log", "0:1:log", "1:2:lin", "1:2:log:1"]
)
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="1e-3:1:log"):
        rates_of(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), ("a = ", "is no TOML"), (b"\xff\xfe", "is no TOML")],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, content, said):
    path = tmp_path / "design.toml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)

    with pytest.raises(UsageError, match=said):
        design_of(path, {})


def test_a_net_that_is_none_is_refused():
    with pytest.raises(UsageError, match="64-64"):
        design_of(None, {"data": "iris", "hidden": "64x64"})
