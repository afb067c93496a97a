"""What is held of a run file while its page is made is bounded in bytes, for any network."""

import pytest
import run_files

from lifesigns.live import followed_run
from lifesigns.live.followed_run import FollowedRun
from lifesigns.records.kept import Room, size_of
from lifesigns.rules import Selection
from lifesigns.store import reader

ONE = size_of(run_files.example())


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (3, 5)])
def test_a_large_network_is_read_in_pieces_and_few_snapshots_are_held(
    tmp_path, monkeypatch, at_once, most
):
    monkeypatch.setattr(reader, "AT_ONCE", at_once * ONE)
    room = Room(most=256, most_bytes=most * ONE, least=followed_run.FOLLOWED.least)
    monkeypatch.setattr(followed_run, "FOLLOWED", room)
    run = FollowedRun(run_files.finished_run(tmp_path / "run.ls", 12), Selection())

    told, held = [], []
    while sum(told) < 12 and (update := run.update()) is not None:
        told.append(len(update.snapshots))
        held.append(len(run.trace().snapshots))

    assert told == [at_once] * (12 // at_once)
    assert max(held) <= max(2, most)
    assert run.document(None)["run"]["snapshots"] == 12
    assert run.trace().recorded == 12
