"""Documents of hand-written runs, unpacked again."""

import json

import numpy as np
import pytest
from made_runs import column, dying

from lifesigns.records import RunInfo, Trace
from lifesigns.report.page import document
from lifesigns.report.page.arrays import unpack
from lifesigns.rules import judge


def test_a_document_is_strict_json():
    trace = dying()

    text = json.dumps(document(trace, judge(trace)), allow_nan=False)

    assert json.loads(text)["schema"] == {"name": "lifesigns-page", "version": 1}


def test_layers_are_in_forward_order_each_with_its_activation():
    layers = document(dying(), ())["layers"]

    assert [layer["name"] for layer in layers] == ["0:linear#0", "2:linear#0", "4:linear#0"]
    assert [layer["operation"] for layer in layers] == ["relu", "sigmoid", "linear"]


def test_a_map_shows_at_which_step_a_layer_dies():
    made = document(dying(at=20), ())

    (drawn,) = made["maps"]
    active = unpack(drawn["active"])
    steps = unpack(made["recorded"]["steps"])[unpack(drawn["steps"])]
    assert drawn["layer"] == 0
    assert (active[:, steps < 20] > 0).all()
    assert (active[:, steps >= 20] == 0).all()


def test_the_ladder_tells_the_share_of_dead_units_and_leaves_open_what_was_not_read():
    made = document(dying(at=20), ())

    dead = column(made, "dead")
    assert dead[0].tolist() == [0.0] * 20 + [1.0] * 20
    assert np.isnan(dead[1:]).all()
    assert column(made, "update")[0] == pytest.approx(0.01, rel=0.01)


def test_findings_stand_at_their_layers_and_sites():
    trace = dying(steps=60, at=0)
    findings = judge(trace)
    number = next(i for i, f in enumerate(findings) if f.rule == "dead-units")

    made = document(trace, findings)

    assert number in made["layers"][0]["findings"]
    assert number in made["graph"]["sites"][1]["findings"]
    assert made["titles"]["dead-units"] in made["words"]["zh"]
    assert {made["report"]["verdict"], findings[number].symptom} <= made["words"]["zh"].keys()


@pytest.mark.parametrize(
    ("outcome", "killed", "status"),
    [
        ("running", False, "running"),
        ("running", True, "killed"),
        ("finished", True, "finished"),
        ("failed: ValueError", False, "failed"),
        ("ended by SIGTERM", False, "killed"),
    ],
)
def test_the_status_says_how_the_run_ended(outcome, killed, status):
    trace = Trace(info=RunInfo(outcome=outcome))

    assert document(trace, (), killed=killed)["run"]["status"] == status


def test_evaluations_are_told_all_and_the_latest_again():
    made = document(Trace(evaluated=np.arange(0, 200, 10)), ())

    assert unpack(made["evaluated"]).tolist() == list(range(0, 200, 10))
    assert made["run"]["evaluated"] == list(range(120, 200, 10))
