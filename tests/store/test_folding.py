"""The file of a run that has ended: small, and it says what the whole one said."""

import itertools
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from run_files import change, rows

from lifesigns._errors import RunFileError
from lifesigns.records import Cost, LossCurve, RunInfo, SiteReading, to_json
from lifesigns.rules import all_rules, judge
from lifesigns.rules.testing import chain, snapshot, sums, weights
from lifesigns.store import RunWriter, folding, read_findings, read_run
from lifesigns.store.news import NewsReader

SITES = 20
GRAPH = chain(*("linear", "relu") * (SITES // 2))
RANDOM = np.random.default_rng(0)
STEPS = 80
MOST = 60_000


def shot(step, units=48, **fields):
    """Numbers that do not compress, and one that fits no single precision."""
    values = RANDOM.standard_normal((4, 8, units))
    sites = [SiteReading(i, *(sums(v) for v in values[:3])) for i in range(1, SITES, 2)]
    sizes = {"weight_rms": RANDOM.random(), "gradient_rms": 1e-60, "learning_rate": 0.1}
    those = [replace(weight, **sizes) for weight in weights(GRAPH)]
    return snapshot(GRAPH, step=step, sites=sites, parameters=those, **fields)


def write(path, shots, outcome="finished"):
    writer = RunWriter(path, RunInfo())
    for one in shots:
        writer.append(one)
    if outcome:
        writer.finish((), outcome, cost=Cost(), steps=STEPS)
    writer.close()
    return path


@pytest.fixture(scope="module")
def shots():
    return [shot(step, reason="spike" if step == 50 else "scheduled") for step in range(STEPS)]


@pytest.fixture
def room(monkeypatch):
    """Any run may take `MOST` bytes."""
    monkeypatch.setattr(folding, "FLOOR", MOST)


@pytest.fixture(scope="module")
def once(tmp_path_factory, shots):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folding, "FLOOR", MOST)
        return write(tmp_path_factory.mktemp("folded") / "run.ls", shots)


@pytest.fixture
def folded(tmp_path, once):
    """A file of one's own."""
    return Path(shutil.copy(once, tmp_path))


def test_a_run_that_has_ended_takes_what_it_may_and_no_more(folded):
    assert 0.5 * MOST < folded.stat().st_size <= MOST


def test_a_run_that_was_killed_keeps_everything(tmp_path, shots, room):
    path = write(tmp_path / "run.ls", shots[:20], outcome="")

    assert path.stat().st_size > MOST
    assert to_json(read_run(path).snapshots) == to_json(tuple(shots[:20]))


def test_a_run_that_is_small_enough_stays_as_it_is(tmp_path, shots):
    path = write(tmp_path / "run.ls", shots[:5])

    assert to_json(read_run(path).snapshots) == to_json(tuple(shots[:5]))


def test_the_first_the_latest_the_notable_and_some_between_stay(folded):
    steps = [one.step for one in read_run(folded).snapshots]

    assert {0, 1, 50, STEPS - 2, STEPS - 1} <= set(steps)
    assert steps == sorted(steps)
    assert max(np.diff(steps)) < STEPS / 4


def test_some_snapshots_stay_whole_and_the_others_keep_their_parameters(folded):
    kept = read_run(folded).snapshots

    assert folding.LEAST <= sum(bool(one.sites) for one in kept) < len(kept)
    assert kept[0].sites
    assert kept[-1].sites
    assert all(len(one.parameters) == len(kept[0].parameters) for one in kept)


def test_what_stays_is_what_was_measured_in_single_precision(folded, shots):
    one = read_run(folded).snapshots[0]
    was, now = shots[0].sites[0].value, one.sites[0].value
    old, new = shots[0].parameters[0], one.parameters[0]

    np.testing.assert_allclose(now.total, was.total, rtol=1e-7)
    np.testing.assert_array_equal(now.active, was.active)
    assert new.learning_rate == 0.1
    assert new.gradient_rms == pytest.approx(1e-60, rel=1e-7, abs=0)
    assert new.weight_rms == pytest.approx(old.weight_rms, rel=1e-7)
    assert (one.graph, new.name, new.shape) == (GRAPH, old.name, old.shape)


def test_losses_are_not_rounded_and_take_a_sixth(tmp_path):
    noise = RANDOM.random(2**17 + 5).astype(np.float32).astype(float)
    curve = LossCurve(np.arange(len(noise)) * 3, noise, np.arange(len(noise)) % 2)
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        writer.losses(curve)

    assert to_json(read_run(tmp_path / "run.ls").losses) == to_json(curve)
    assert (tmp_path / "run.ls").stat().st_size < 24 * len(noise) / 6


def test_a_page_that_follows_a_run_misses_nothing_that_stays(tmp_path, shots, room):
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    for one in shots[:70]:
        writer.append(one)
    reader = NewsReader(path)
    told = [n for _ in range(2) for n, _ in reader.read().snapshots]
    for one in shots[70:]:
        writer.append(one)
    writer.finish((), "finished", cost=Cost(), steps=STEPS)
    writer.close()
    news = reader.read()

    assert told == list(range(1, 71))
    assert not reader.is_replaced()
    assert [n for n, _ in news.snapshots] == [
        n for (n,) in rows(path, "SELECT number FROM snapshots WHERE number > 70 ORDER BY number")
    ]
    assert news.latest == STEPS


def test_a_reader_that_does_not_let_go_leaves_the_file_large_and_whole(
    tmp_path, shots, room, monkeypatch
):
    monkeypatch.setattr("lifesigns.store.writer.FAREWELL", 0.05)
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    for one in shots:
        writer.append(one)
    writer.finish((), "finished", cost=Cost(), steps=STEPS)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM snapshots").fetchone()
        writer.close()

    assert read_run(path).snapshots[-1].step == STEPS - 1
    assert read_run(path).info.outcome == "finished"


def test_several_losses_of_one_step_stay_together(tmp_path, shots, room):
    several = [replace(one, stream=stream) for one in shots for stream in range(3)]
    path = write(tmp_path / "run.ls", several)

    steps = [one.step for one in read_run(path).snapshots]
    assert len(steps) < 3 * STEPS
    assert all(steps.count(step) == 3 for step in steps)


DAMAGES = [
    "UPDATE structures SET body = x'00'",
    "DELETE FROM structures",
    "UPDATE snapshots SET arrays = x'00'",
    "UPDATE snapshots SET body = (SELECT body FROM snapshots WHERE number = 1), arrays = x'789c'",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folded_run_that_was_damaged_is_refused(folded, damage):
    change(folded, damage)

    with pytest.raises(RunFileError, match="damaged"):
        read_run(folded)


CASES = [
    (rule, case)
    for rule in all_rules()
    for case in itertools.islice((c for c in rule.cases if c.fires is not None), 1)
][::12]


@pytest.mark.parametrize(("rule", "case"), CASES, ids=[rule.name for rule, _ in CASES])
def test_a_folded_run_judged_again_has_the_same_findings(rule, case, tmp_path, monkeypatch):
    monkeypatch.setattr("lifesigns.store.writer.most_bytes", lambda *_: 1)
    live, path = case.trace(), tmp_path / "run.ls"
    findings = judge(live)
    with RunWriter(path, live.info) as writer:
        for one in live.snapshots:
            writer.append(one)
        writer.losses(live.losses)
        writer.progress(
            live.steps, live.cost, live.optimizers, live.unseen, live.severed, rates=live.rates,
            unreached=live.unreached, idle=live.idle, evaluated=live.evaluated,
            standing=live.standing, recorded=live.recorded_steps,
        )  # fmt: skip
        writer.finish(findings, "finished", cost=live.cost, steps=live.steps)

    again = judge(read_run(path))

    assert len(read_run(path).snapshots) <= max(8, len({s.stream for s in live.snapshots}) * 8)
    assert [finding.rule for finding in again] == [finding.rule for finding in findings]
    assert to_json(read_findings(path)) == to_json(findings)
