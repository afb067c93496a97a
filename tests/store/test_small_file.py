"""A run file is small while the run goes on, when it was killed and when it has ended."""

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
from lifesigns.records import Cost, RunInfo, SiteReading, to_json
from lifesigns.rules import all_rules, judge
from lifesigns.rules.testing import chain, snapshot, sums, weights
from lifesigns.store import RunWriter, keeping, read_run
from lifesigns.store.news import NewsReader

SITES = 20
GRAPH = chain(*("linear", "relu") * (SITES // 2))
RANDOM = np.random.default_rng(0)
STEPS = 80
MOST = 700_000


def shot(step, units=48, **fields):
    """Numbers that do not compress, and one that fits no single precision."""
    values = RANDOM.standard_normal((SITES, 3, 8, units))
    sites = [SiteReading(i, *map(sums, values[i])) for i in range(1, SITES, 2)]
    sizes = {"weight_rms": RANDOM.random(), "gradient_rms": 1e-60, "learning_rate": 0.1}
    those = [replace(weight, **sizes) for weight in weights(GRAPH)]
    return snapshot(GRAPH, step=step, sites=sites, parameters=those, **fields)


def bytes_of(path):
    """With the log beside it, and without the log's index, which never takes less than this."""
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
    return sum(file.stat().st_size for file in files) - sum(
        2**15 for file in files if file.name.endswith("-shm")
    )


def fill(writer, shots):
    """Most bytes that there ever were."""
    most = 0
    for one in shots:
        writer.append(one)
        most = max(most, bytes_of(writer.path))
    return most


def finish(writer):
    writer.finish((), "finished", cost=Cost(), steps=STEPS)
    writer.close()


@pytest.fixture(scope="module")
def shots():
    return [shot(step, reason="spike" if step == 50 else "scheduled") for step in range(STEPS)]


@pytest.fixture
def small(monkeypatch):
    """Any run may take `MOST` bytes."""
    monkeypatch.setattr(keeping, "FLOOR", MOST)
    monkeypatch.setattr(keeping, "TABLES", 40_000)


@pytest.fixture(scope="module")
def once(tmp_path_factory, shots):
    """The file as it is when the writer is killed, and as it is when the run has ended."""
    path = tmp_path_factory.mktemp("small") / "run.ls"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keeping, "FLOOR", MOST)
        patched.setattr(keeping, "TABLES", 40_000)
        writer = RunWriter(path, RunInfo())
        most, killed = fill(writer, shots), path.with_name("killed.ls")
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{killed}{end}")
        finish(writer)
    return path, killed, most


@pytest.fixture
def ended(tmp_path, once):
    """A file of one's own."""
    return Path(shutil.copy(once[0], tmp_path))


def test_a_run_takes_what_it_may_and_no_more_at_any_time(once):
    path, _, most = once

    assert 0.7 * MOST < most <= MOST
    assert path.stat().st_size <= most


def test_a_run_that_was_killed_tells_what_one_that_has_ended_tells(once):
    ended, killed, _ = once

    assert to_json(read_run(killed).snapshots) == to_json(read_run(ended).snapshots)


def test_what_a_longer_run_may_take_is_in_proportion_to_its_recorded_steps(tmp_path, shots, small):
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        fill(writer, shots)
        writer.progress(STEPS, Cost(), (), (), recorded=20_000)
        fill(writer, [replace(one, step=one.step + STEPS) for one in shots])

        whole = [one.step for one in read_run(writer.path).snapshots if one.sites]

    assert len([step for step in whole if step < STEPS]) < STEPS / 3
    assert [step for step in whole if step >= STEPS] == list(range(STEPS, 2 * STEPS))


def test_a_run_that_is_small_enough_keeps_everything_to_the_bit(tmp_path, shots):
    few = [shot(step, units=8) for step in range(5)]
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        fill(writer, few)
        finish(writer)

    assert to_json(read_run(writer.path).snapshots) == to_json(tuple(few))


def test_the_first_the_latest_the_notable_and_some_between_stay(ended):
    steps = [one.step for one in read_run(ended).snapshots]

    assert {0, 50, STEPS - 1} <= set(steps)
    assert steps == sorted(steps)
    assert max(np.diff(steps)) < STEPS / 3


def test_some_snapshots_stay_whole_and_the_others_keep_their_parameters(ended):
    kept = read_run(ended).snapshots

    assert keeping.LEAST <= sum(bool(one.sites) for one in kept) < len(kept)
    assert kept[0].sites
    assert kept[-1].sites
    assert all(len(one.parameters) == len(kept[0].parameters) for one in kept)


def test_what_stays_is_what_was_measured_in_single_precision(ended, shots):
    one = read_run(ended).snapshots[0]
    was, now = shots[0].sites[0].value, one.sites[0].value
    old, new = shots[0].parameters[0], one.parameters[0]

    np.testing.assert_allclose(now.total, was.total, rtol=1e-7)
    np.testing.assert_array_equal(now.active, was.active)
    assert new.learning_rate == 0.1
    assert new.gradient_rms == pytest.approx(1e-60, rel=1e-7, abs=0)
    assert new.weight_rms == pytest.approx(old.weight_rms, rel=1e-7)
    assert (one.graph, new.name, new.shape) == (GRAPH, old.name, old.shape)


def test_a_page_that_follows_a_run_misses_nothing_that_stays(tmp_path, shots, small):
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    fill(writer, shots[:70])
    reader = NewsReader(path)
    told = [n for _ in range(2) for n, _ in reader.read().snapshots]
    fill(writer, shots[70:])
    finish(writer)
    news = reader.read()

    assert told[0] == 1
    assert told[-1] == 70
    assert not reader.is_replaced()
    assert [n for n, _ in news.snapshots] == [
        n for (n,) in rows(path, "SELECT number FROM snapshots WHERE number > 70 ORDER BY number")
    ]
    assert news.latest == STEPS


def test_a_reader_that_does_not_let_go_leaves_the_file_whole(tmp_path, shots, small, monkeypatch):
    monkeypatch.setattr("lifesigns.store.writer.FAREWELL", 0.05)
    path = tmp_path / "run.ls"
    writer = RunWriter(path, RunInfo())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM snapshots").fetchone()
        fill(writer, shots)
        finish(writer)

    assert read_run(path).snapshots[-1].step == STEPS - 1
    assert read_run(path).info.outcome == "finished"


def test_what_waits_for_somebody_who_holds_the_file_is_written_later(
    tmp_path, shots, small, monkeypatch
):
    monkeypatch.setattr("lifesigns.store.writer.PATIENCE", 0.0)
    monkeypatch.setattr("lifesigns.store.location.is_local", lambda _: False)
    with RunWriter(tmp_path / "run.ls", RunInfo()) as writer:
        fill(writer, shots[:40])
        with closing(sqlite3.connect(writer.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for one in shots[40:]:
                writer.append(replace(one))  # nobody else holds it: it would be read from the file
        finish(writer)

    steps = [one.step for one in read_run(writer.path).snapshots]
    assert {0, STEPS - 1} <= set(steps)
    assert writer.path.stat().st_size <= MOST


DAMAGES = [
    "UPDATE structures SET body = x'00'",
    "DELETE FROM structures",
    "UPDATE snapshots SET arrays = x'00'",
    "UPDATE snapshots SET body = (SELECT body FROM snapshots WHERE number = 1), arrays = x'789c'",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_whose_light_snapshots_were_damaged_is_refused(ended, damage):
    change(ended, damage)

    with pytest.raises(RunFileError, match="damaged"):
        read_run(ended)


CASES = [
    (rule, case)
    for rule in all_rules()
    for case in itertools.islice((c for c in rule.cases if c.fires is not None), 1)
]
CASES = CASES[::6] + [(rule, case) for rule, case in CASES if rule.name == "cosines-without-scale"]


@pytest.mark.parametrize(("rule", "case"), CASES, ids=[rule.name for rule, _ in CASES])
def test_a_run_that_was_killed_is_judged_as_it_was_while_it_went_on(
    rule, case, tmp_path, monkeypatch
):
    monkeypatch.setattr(keeping, "FLOOR", 1)
    monkeypatch.setattr(keeping, "RATE", 0)
    live = case.trace()
    writer = RunWriter(tmp_path / "run.ls", live.info)
    fill(writer, live.snapshots)
    writer.losses(live.losses)
    writer.progress(
        live.steps, live.cost, live.optimizers, live.unseen, live.severed, rates=live.rates,
        unreached=live.unreached, idle=live.idle, evaluated=live.evaluated,
        standing=live.standing, loads=live.loads, rewind=live.rewind, own_load=live.own_load,
        rounded_eps=live.rounded_eps, loaders=live.loaders,
        evaluations=live.evaluations, recorded=live.recorded_steps,
    )  # fmt: skip

    killed = read_run(writer.path)

    assert len(killed.snapshots) <= keeping.LEAST + keeping.LEAST_LIGHT + 1
    assert [f.rule for f in judge(killed)] == [f.rule for f in judge(live)]
    writer.close()
