"""What every log to a tracker of experiments promises. Add one to `TRACKERS`.

A tracker that is not installed is skipped, by name.
"""

import importlib.util
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts.frameworks import batches, network
from torch import nn

import lifesigns

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error:::lifesigns"),
]
SERIES = "lifesigns/0/dead_share"
"""One that the small network has: layer `0` ends in a ReLU."""


@dataclass(frozen=True)
class Told:
    """What a tracker shows after a run."""

    numbers: dict[int, float]
    """Of `SERIES`, by step."""
    names: set[str]
    texts: str
    """All that was said of findings."""


@dataclass(frozen=True)
class Tracker:
    """One tracker: how a run of it is opened, and what can be read of it afterwards."""

    name: str
    """Of the module in `lifesigns.integrations`, and of the library."""
    opened: Callable[[], Any]
    """A context: gives the log and, once it is left, a function that returns what was told."""


@contextmanager
def tensorboard() -> Iterator[Any]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from lifesigns.integrations.tensorboard import TensorBoardLog

    def told():
        events = EventAccumulator("runs").Reload()
        texts = [t for t in events.Tags()["tensors"] if t.startswith("lifesigns/")]
        return Told(
            {e.step: e.value for e in events.Scalars(SERIES)},
            set(events.Tags()["scalars"]),
            str([events.Tensors(t)[0].tensor_proto.string_val for t in texts]),
        )

    yield TensorBoardLog("runs"), told


def records():
    """What wandb keeps of an offline run; another process writes it, up to a record of its end."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = Path("wandb").glob("offline-run-*/*.wandb")
    for _ in range(300):
        found = [Record.FromString(data) for data in logged(path.read_bytes())]
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise AssertionError("wandb has not written the end of the run")


def rows():
    """Its history."""
    return [
        {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
        for record in records()
        if record.WhichOneof("record_type") == "history"
    ]


def offline():
    import wandb as library

    quiet = library.Settings(console="off", silent=True)
    return library.init(mode="offline", dir=str(Path.cwd()), settings=quiet)


def logged(data: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log, as wandb keeps a run offline: blocks of 32 KiB."""
    place, parts = 7, b""
    while place + 7 <= len(data):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or its last part
            yield parts
            parts = b""


@contextmanager
def wandb() -> Iterator[Any]:
    from lifesigns.integrations.wandb import WandbLog

    def told():
        return Told(
            {int(row["lifesigns/step"]): float(row[SERIES]) for row in rows() if SERIES in row},
            {name for row in rows() for name in row if name.count("/") == 2},
            str(records()),
        )

    run = offline()
    yield WandbLog(run, commit=True), told
    run.finish()


@contextmanager
def mlflow() -> Iterator[Any]:
    import mlflow as library

    from lifesigns.integrations.mlflow import MLflowLog

    library.set_tracking_uri(Path("mlruns").absolute().as_uri())

    def told():
        data = client.get_run(run.info.run_id).data
        history = client.get_metric_history(run.info.run_id, SERIES)
        return Told({m.step: m.value for m in history}, set(data.metrics), str(data.tags))

    with library.start_run() as run:
        client = library.MlflowClient()
        yield MLflowLog(), told


@contextmanager
def trackio() -> Iterator[Any]:
    import trackio as library
    from trackio.sqlite_storage import SQLiteStorage

    from lifesigns.integrations.trackio import TrackioLog

    def told():
        rows = SQLiteStorage.get_logs("contract", "first")
        return Told(
            {row["step"]: row[SERIES] for row in rows if SERIES in row},
            {name for row in rows for name in row if name.count("/") == 2},
            str(library.Api().alerts("contract")),
        )

    yield TrackioLog(library.init(project="contract", name="first")), told
    library.finish()


TRACKERS = [
    Tracker("tensorboard", tensorboard),
    Tracker("wandb", wandb),
    Tracker("mlflow", mlflow),
    Tracker("trackio", trackio),
]


@pytest.fixture(params=TRACKERS, ids=lambda tracker: tracker.name)
def tracker(request, monkeypatch, tmp_path):
    if importlib.util.find_spec(request.param.name) is None:
        pytest.skip(f"{request.param.name} is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a data base needs more of MLflow
    return request.param


def train(log_to=None):
    """Everything a training leaves behind, to the bit, and its report."""
    model = network(faulty=True)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    random.seed(1)
    watcher = lifesigns.watch(model, optimizer, every=4, log_to=log_to or [])
    for x, y in batches() * 4:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    report = watcher.detach()
    return [*model.state_dict().values(), torch.tensor(random.random())], report


def test_numbers_and_findings_arrive_and_the_training_is_the_same(tracker):
    unwatched, _ = train()

    with tracker.opened() as (log, told):
        watched, report = train([log])

    shown = told()
    assert report.trace.unseen == ()
    assert all(torch.equal(a, b) for a, b in zip(unwatched, watched, strict=True))
    assert list(shown.numbers) == [0, 4, 8]
    assert all(0 <= number <= 1 for number in shown.numbers.values())
    assert len(shown.names) < 20
    assert "doubled-softmax" in shown.texts


@pytest.mark.parametrize("tracker", [TRACKERS[1]], indirect=True, ids=["wandb"])
def test_rows_that_the_user_numbers_are_all_kept(tracker):
    from lifesigns.integrations.wandb import WandbLog

    run = offline()
    for epoch in range(3):
        _, report = train([WandbLog(run)])
        run.log({"accuracy": epoch / 10}, step=epoch)
    run.finish()

    assert report.trace.unseen == ()
    assert [float(row["accuracy"]) for row in rows() if "accuracy" in row] == [0.0, 0.1, 0.2]
    assert SERIES in rows()[0]
