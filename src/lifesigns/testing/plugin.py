"""The pytest plugin: a marker and a fixture. Every test run imports it, so it is light.

Only a test that uses one of them imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lifesigns.watch import Watcher

MARKER = "lifesigns"
BRIEF = ("stopped-early",)
"""Rules that a test does not ask unless it says so: its trainings are short on purpose."""


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker.

    Args:
        config: Of the test run.
    """
    config.addinivalue_line(
        "markers",
        f"{MARKER}(every=None, select=None, ignore=None): watch what the test trains, and "
        "fail it if that cannot learn or learns badly",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watches a marked test; its own failure goes before what was found.

    Args:
        item: The test.
    """
    __tracebackhide__ = True
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return (yield)
    from lifesigns.testing.assertions import assert_no_alarm

    with _watching(marker) as watcher:
        result = yield
    assert_no_alarm(watcher.report)
    return result


@pytest.fixture
def training_watch(request: pytest.FixtureRequest) -> Iterator[Watcher]:
    """Watches what the test trains; the test itself judges `findings` and `report`.

    Args:
        request: Its marker, if it has one, says how.
    """
    with _watching(request.node.get_closest_marker(MARKER)) as watcher:
        yield watcher


def _watching(marker: pytest.Mark | None) -> Watcher:
    from lifesigns._watching.project import settings_here
    from lifesigns.watch import watch

    given: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    if given.get("ignore") is None:
        given["ignore"] = (*BRIEF, *settings_here().ignore)
    return watch(**given)
