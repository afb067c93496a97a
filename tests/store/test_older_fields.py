"""What was stored before a field existed is read with the field's default."""

import json
import math
import sqlite3
from contextlib import closing

from lifesigns.records import ParameterReading, RunInfo, Snapshot, from_json, to_json
from lifesigns.rules import judge
from lifesigns.rules.testing import chain, snapshot
from lifesigns.store import RunWriter, read_run
from lifesigns.store.packing import compress, decompress

LATER = {"stale_gradient_rms", "predicted_change", "used_gradient_rms", "evaluating"}


def example():
    weight = ParameterReading("0.weight", (3, 2), weight_rms=0.5, gradient_rms=0.1, update_rms=0.01)
    return snapshot(chain("linear", "relu"), parameters=[weight])


def older(value):
    """The same JSON without the fields that came later."""
    if isinstance(value, dict):
        return {key: older(item) for key, item in value.items() if key not in LATER}
    return [older(item) for item in value] if isinstance(value, list) else value


def assert_read_with_defaults(taken):
    (weight,) = taken.parameters
    assert (weight.name, weight.gradient_rms) == ("0.weight", 0.1)
    assert math.isnan(weight.stale_gradient_rms)
    assert math.isnan(weight.predicted_change)
    assert math.isnan(weight.descent_cosine)
    assert taken.evaluating == ()


def test_json_without_the_later_fields_is_read():
    text = json.dumps(to_json(example()))
    before = older(json.loads(text))
    assert json.dumps(before) != text
    assert_read_with_defaults(from_json(Snapshot, before))


def test_a_run_file_without_the_later_fields_is_read_and_judged(tmp_path):
    with RunWriter(tmp_path / "run.ls", RunInfo("train.py")) as writer:
        writer.append(example())
    with closing(sqlite3.connect(tmp_path / "run.ls")) as connection, connection:
        ((body,),) = connection.execute("SELECT body FROM snapshots").fetchall()
        head = decompress(body)
        head["snapshot"] = json.dumps(older(json.loads(head["snapshot"])))
        assert not any(field in head["snapshot"] for field in LATER)
        body = compress(json.dumps(head))
        connection.execute("UPDATE snapshots SET body = ?", (body,))

    trace = read_run(tmp_path / "run.ls")

    assert_read_with_defaults(trace.snapshots[0])
    assert isinstance(judge(trace), tuple)
