"""One recorded training step, for the tests of the recorder."""

from lifesigns.record import Recorder


def record(step, model=None, optimizers=(), steps=1):
    """The trace of `steps` calls of `step`, every one recorded, failures raised."""
    recorder = Recorder(model, optimizers, every=1, strict=True)
    recorder.start()
    try:
        for _ in range(steps):
            step()
    finally:
        recorder.stop()
    return recorder.trace()


def snapshot(step, model=None, optimizers=()):
    """What was recorded of a single call of `step`, which makes one backward pass."""
    (only,) = record(step, model, optimizers).snapshots
    assert only.coverage.failures == ()
    return only


def reading(taken, name):
    """The reading at the site called `name`."""
    found = taken.reading(taken.graph.find(name))
    assert found is not None, name
    return found
