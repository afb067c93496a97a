from dataclasses import replace

from compared_runs import rates, run
from hypothesis import HealthCheck, given
from hypothesis import settings as drawing
from hypothesis import strategies as st

from lifesigns.records import Trace
from lifesigns.report.comparison.settings import options, settings


def differing(one, another):
    return {s.name: (s.first, s.other) for s in settings(one, another) if not s.is_same}


@drawing(suppress_health_check=[HealthCheck.too_slow])
@given(st.from_type(Trace))
def test_a_run_has_the_settings_of_itself(trace):
    scheduled = replace(trace, rates=rates(0.1, 0.01))

    assert all(setting.is_same for setting in settings(scheduled, scheduled))


@given(st.text())
def test_every_word_of_a_command_is_for_something(command):
    found = " ".join([*options(command), *options(command).values()])

    assert all(part in found for word in command.split() for part in word.partition("=")[::2])


def test_options_are_compared_by_name_whatever_their_order():
    one, another = run(command="train.py --lr 0.1 --wide"), run(command="train.py --wide --lr=0.2")

    assert differing(one, another) == {"--lr": ("0.1", "0.2")}


def test_an_option_that_one_run_lacks_is_none_there():
    assert differing(run(command="a.py"), run(command="b.py -v data")) == {
        "program": ("a.py", "b.py"),
        "-v": (None, "data"),
    }


def test_a_module_is_a_program():
    assert options("-m package.train x")["program"] == "-m package.train"


def test_rates_are_told_with_how_they_changed():
    one, another = run(rates=rates(0.1)), run(rates=rates(0.1, 0.01, 0.001))

    assert differing(one, another) == {"learning rate": ("0.1", "0.1 → 0.001 in 2 changes")}


def test_optimizers_and_versions_are_compared():
    another = run(optimizers=("Adam",))

    assert differing(run(), another) == {"optimizer": ("SGD", "Adam")}
    assert ("versions", "torch") in {(s.group, s.name) for s in settings(run(), another)}
