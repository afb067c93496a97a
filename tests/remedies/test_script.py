"""A script as text: what is not changed stays, to the last byte."""

import pytest

from lifesigns.remedies import Refusal
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst
from lifesigns.remedies.scale_rate import ScaleRate

SOURCE = (
    "# ünïcödé before everything\nimport torch.optim as o\n\n"
    "opt = o.SGD(  m.parameters( ),lr = .1, )   # odd, 好\n\n\nif True: pass; done = 1"
)


def test_only_the_range_is_written_anew_behind_letters_of_several_bytes():
    assert ScaleRate(0.5).rewrite(SOURCE) == SOURCE.replace(".1,", ".1 * 0.5,")


def test_a_source_that_does_not_parse_is_refused():
    assert ScaleRate(0.5).rewrite("def f(:\n") == Refusal("the source does not parse")


def test_names_are_written_by_the_imports_of_the_script():
    script = Script(
        "import torch\nimport torch.nn.functional as G\nfrom torch.nn import ReLU as R\n"
    )

    assert script.spelled("torch.nn.functional.gelu") == "G.gelu"
    assert script.spelled("torch.nn.ReLU") == "R"
    assert script.spelled("torch.nn.Tanh") == "torch.nn.Tanh"
    with pytest.raises(Refused, match="does not import"):
        script.spelled("numpy.random")


def test_a_method_of_what_a_function_gives_is_no_function():
    script = Script("import torch\ny = torch.bmm(a, b).softmax(-1)\n")

    names = [script.name(call) for call in script.of_kind(cst.Call)]

    assert names == ["torch.bmm", ""]


def test_a_line_is_not_put_into_a_suite_that_shares_its_line():
    script = Script(SOURCE)
    done = script.of_kind(cst.Assign)[-1]

    with pytest.raises(Refused):
        script.lines_before(done, "x = 1")


def test_overlapping_changes_are_refused_and_equal_ones_made_once():
    script = Script("abc = 1\n")

    assert script.changed([Change(0, 3, "x"), Change(0, 3, "x")]) == "x = 1\n"
    with pytest.raises(Refused, match="overlap"):
        script.changed([Change(0, 3, "x"), Change(2, 4, "y")])


def test_a_line_behind_the_last_one_gets_a_line_feed_before_it():
    script = Script("a = 1")

    assert script.changed(script.lines_after(script.of_kind(cst.Assign)[0], "b = 2")) == (
        "a = 1\nb = 2\n"
    )
