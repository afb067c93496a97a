"""Pages are told what is new, once, wherever they begin, and for however long the run is."""

import contextlib
import itertools
from dataclasses import replace

import numpy as np
import pytest
import run_files
from served import Served, growing_run, until

from lifesigns.live import feed
from lifesigns.live.cursor import Cursor
from lifesigns.records import LossCurve
from lifesigns.report.page.arrays import unpack
from lifesigns.store import reader
from lifesigns.store.news import NewsReader


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.lifesigns"


def losses(*steps):
    return LossCurve(np.array(steps), np.array([s / 2 for s in steps]), np.zeros(len(steps), int))


def numbers(seen):
    return [event.data["number"] for event in seen if event.name == "snapshot"]


def test_a_page_is_told_of_each_snapshot_after_its_document_once(path):
    with growing_run(path, 3) as writer, Served(path) as served:
        document, cursor = served.document()
        events = served.events(cursor)
        writer.append(run_files.example(3))
        _, first = until(events, "snapshot")
        writer.append(run_files.example(4))
        _, second = until(events, "snapshot")

    assert document["run"]["snapshots"] == 3
    assert (numbers(first), numbers(second)) == ([4], [5])


def test_losses_are_told_once_with_their_steps(path):
    with growing_run(path) as writer, Served(path) as served:
        writer.losses(losses(0, 1))
        document, cursor = served.document()
        events = served.events(cursor)
        writer.losses(losses(2, 3))
        first, _ = until(events, "losses")
        writer.losses(losses(4))
        second, _ = until(events, "losses")

    assert unpack(document["losses"][0]["steps"]).tolist() == [0, 1]
    assert first.data == {"stream": 0, "steps": [2, 3], "values": [1.0, 1.5]}
    assert second.data["steps"] == [4]


def test_a_loss_that_is_not_finite_is_null(path):
    with growing_run(path) as writer, Served(path) as served:
        _, cursor = served.document()
        events = served.events(cursor)
        writer.losses(LossCurve(np.arange(2), np.array([np.inf, np.nan]), np.zeros(2, int)))
        event, _ = until(events, "losses")

    assert event.data["values"] == [None, None]


def test_a_server_that_was_started_anew_goes_on_where_the_page_is(path):
    with growing_run(path, 2) as writer:
        with Served(path) as served:
            _, cursor = served.document()
            events = served.events(cursor)
            writer.append(run_files.example(2))
            writer.losses(losses(0, 1, 2))
            place = until(events, "losses")[0].id
        writer.append(run_files.example(3))
        writer.losses(losses(3))
        with Served(path) as served:
            event, seen = until(served.events(cursor, **{"Last-Event-ID": place}), "losses")

    assert numbers(seen) == [4]
    assert event.data["steps"] == [3]


def test_a_page_too_far_behind_starts_anew(path, monkeypatch):
    monkeypatch.setattr("lifesigns.live.followed_run.TOLD_AGAIN", 4)
    with growing_run(path, 10), Served(path) as served:
        _, cursor = served.document()
        far = Cursor.parse(cursor)._replace(snapshot=2)
        near = Cursor.parse(cursor)._replace(snapshot=6)

        assert [event.name for event in served.events(far)] == ["reload"]
        assert numbers(until(served.events(near), "status")[1]) == [7, 8, 9, 10]


@pytest.mark.parametrize("is_deleted", [False, True])
def test_another_run_in_the_files_place_is_noticed(path, is_deleted):
    with Served(path) as served:
        with growing_run(path, 3):
            _, cursor = served.document()
            events = served.events(cursor)
            until(events, "status")
        if is_deleted:
            path.unlink()
        with growing_run(path, 1, started="2026-11-28T13:00:00+00:00"):
            until(events, "reload")
            document, other = served.document()

    assert document["run"]["snapshots"] == 1
    assert Cursor.parse(other).run != Cursor.parse(cursor).run


def test_five_pages_cost_one_reading(path, monkeypatch):
    read, reads = NewsReader.read, []
    monkeypatch.setattr(NewsReader, "read", lambda self: reads.append(0) or read(self))
    with growing_run(path) as writer, Served(path) as served:
        _, cursor = served.document()
        pages = [served.events(cursor) for _ in range(5)]
        for page in pages:
            until(page, "status")
        before = len(reads)
        writer.append(run_files.example(3))
        told = [numbers(until(page, "snapshot")[1]) for page in pages]

    assert told == [[4]] * 5
    # Within the time in which a change could go unnoticed, it is read again without news.
    assert len(reads) - before < 5


def test_nobody_looks_nothing_is_read(path, monkeypatch):
    monkeypatch.setattr(NewsReader, "read", lambda self: pytest.fail("it was read"))
    with growing_run(path), Served(path) as served:
        assert served.ask("/")[0] == 200


def test_an_update_takes_as_many_bytes_late_as_early(path, monkeypatch):
    alike, step = run_files.example(), itertools.count()
    monkeypatch.setattr(reader, "unpack", lambda *packed: replace(alike, step=next(step)))
    run_files.finished_run(path, 1)
    add = (
        "WITH RECURSIVE new(n) AS (VALUES ({}) UNION ALL SELECT n + 1 FROM new WHERE n < {}) "
        "INSERT INTO snapshots SELECT n, n, stream, reason, graph, body, arrays, structure "
        "FROM new, snapshots WHERE number = 1"
    )

    def size_of_one_more(count):
        events = served.events(served.document()[1])
        until(events, "status")
        run_files.change(path, add.format(count + 1, count + 1))
        _, seen = until(events, "status")
        return {event.name: event.size for event in seen if event.name != "report"}

    with Served(path) as served:
        run_files.change(path, add.format(2, 10))
        early = size_of_one_more(10)
        run_files.change(path, add.format(12, 10_000))
        late = size_of_one_more(10_000)

    assert early.keys() == late.keys() == {"snapshot", "status"}
    for kind, size in early.items():
        assert 0 <= late[kind] - size <= 5 * len("000")  # a few numbers have three digits more


def test_a_file_that_cannot_be_read_is_said_to_be(path):
    run_files.finished_run(path, 1)
    with Served(path) as served:
        run_files.change(path, "UPDATE snapshots SET body = x'00'")
        status, _, body = served.ask("/document")

    assert status == 503
    assert b"cannot be read" in body


def test_pages_that_come_and_go_take_nothing_from_the_others(path):
    with growing_run(path, 1) as writer, Served(path) as served:
        _, cursor = served.document()
        events = served.events(cursor)
        until(events, "status")
        for step in range(1, 31):
            writer.append(run_files.example(step))
            with contextlib.ExitStack() as clients:
                for _ in range(5):
                    served.open("/events", headers=served.cookie, clients=clients)
        _, seen = until(events, "snapshot", lambda data: data["number"] == 31)
        _, late = until(served.events(cursor), "snapshot", lambda data: data["number"] == 31)

    assert numbers(seen) == numbers(late) == list(range(2, 32))


def test_a_cursor_that_nobody_gave_out_starts_anew(path):
    with growing_run(path), Served(path) as served:
        for place in ("nonsense", "a.b.c", "a.1.-1", "a.1.²", "." * 10_000):
            assert next(served.events("", **{"Last-Event-ID": place})).name == "reload"


def test_a_page_slower_than_the_run_is_told_everything_later():
    told = feed.Feed()
    told.add(update_of(range(1, 4)))
    place = told.latest
    told.add(update_of(range(4, 6)))
    told.add(update_of(range(6, 9)))

    events, after = told.since(place)

    assert sum("event: snapshot" in event for event in events) == 5
    assert after == told.latest
    assert told.since(after) == ([], after)


def update_of(numbers):
    from lifesigns.live.followed_run import Update

    return Update("run", tuple((n, "{}") for n in numbers), LossCurve(), "{}", True)
