import pytest

from lifesigns._errors import UsageError
from lifesigns.lab.design.arguments import design_of, rates_of
from lifesigns.lab.design.design import Design
from lifesigns.lab.results.pages import as_toml


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
    "text",
    ["high", "1:2:3:4:5", "1:0.1:log", "0:1:log", "1:2:lin", "1:2:log:1", "1:2:log:-3", "nan:1:log",
     "1:2:log:1000000000", "", ",", "1" * 10**5 + "x"],
)  # fmt: skip
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="1e-3:1:log"):
        rates_of(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"a = ", "is no TOML file: Invalid value"),
        (b"\xff\xfe", "is no TOML file: .*utf-8"),
        (b"seeds = 3\nseeds = 4", "is no TOML file"),
        (b"seeds = " + b"9" * 5000, "is no TOML file"),
        (b"seeds = 0x" + b"f" * 5000, "seeds = a value of type int is not what"),
        (b"rates = " + b"[" * 5000, "is no TOML file"),
        (b"data = 'iris'\nrates = [nan]", "nan is no learning rate"),
        (b"data = 'iris'\nmomentum = nan", "momentum is nan"),
        (b"[data]\nname = 'iris'", "data = {'name': 'iris'} is not what"),
        (b"[[hidden]]\nwidth = 3", "hidden = .* is not what"),
        (b"data = 1979-05-27", "data = datetime.date"),
        (b"data = 'iris'\nseeds = inf", "seeds = inf is not what"),
        (b"# " + b"x" * 2**20, "has more than 262,144 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, content, said):
    path = tmp_path / "design.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError, match=said):
        design_of(path, {})


def test_a_folder_is_no_design(tmp_path):
    with pytest.raises(UsageError, match="is a folder; a TOML file is expected"):
        design_of(tmp_path, {})


@pytest.mark.parametrize("name", ["a b.csv", "数据.csv", "😀.csv", 'quo"te\\.csv', "\x7f\n\t.csv"])
def test_any_name_of_a_file_survives_the_file_of_the_design(tmp_path, name):
    design = Design(name, target=name)
    (tmp_path / "design.toml").write_text(as_toml(design), encoding="utf-8")

    assert design_of(tmp_path / "design.toml", {}) == design


@pytest.mark.parametrize("text", ["64x64", "64--64", "-64", "64-", "²", "9" * 5000, "1e3"])
def test_a_net_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="64-64"):
        design_of(None, {"data": "iris", "hidden": text})


def test_digits_of_any_script_are_digits():
    assert design_of(None, {"data": "iris", "hidden": "６４-64"}).hidden == (64, 64)
