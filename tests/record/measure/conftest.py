"""The compiled program of this test run, and a way to do without it."""

import pytest

from lifesigns.record.measure import kernel, reduce


@pytest.fixture(params=["program", "torch"])
def reducing(request, monkeypatch):
    """Each test twice: once for the compiled program, once for torch's operations."""
    if request.param == "torch":
        monkeypatch.setattr(reduce, "program", lambda: None)
    elif kernel.program() is None:
        pytest.skip("there is no C compiler")
    return request.param
