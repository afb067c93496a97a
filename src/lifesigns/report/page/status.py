"""How far the run is, in one word and the reason for it."""

from __future__ import annotations

from typing import Any

from lifesigns.records import Trace

LATEST = 8
"""Evaluations that a live page is told of again and again, so that it misses none."""
WORDS = ("running", "finished", "interrupted", "failed")


def status_of(trace: Trace, *, killed: bool = False) -> tuple[str, str]:
    """The status of a run, and what is known beyond it.

    Args:
        trace: Its `info` says how it ended.
        killed: Whether nobody writes the file of a run that never said it had ended.

    Example:
        >>> from lifesigns.records import RunInfo
        >>> status_of(Trace(info=RunInfo(outcome="failed: ValueError")))
        ('failed', 'ValueError')
        >>> status_of(Trace(info=RunInfo(outcome="stopped after 9 steps (--max-steps)")))
        ('finished', 'stopped after 9 steps (--max-steps)')
    """
    word, _, reason = trace.info.outcome.partition(": ")
    if word == "running" and killed:
        return "killed", ""
    if word in WORDS:
        return word, reason
    ended = "killed" if trace.info.outcome.startswith("ended by ") else "finished"
    return ended, trace.info.outcome


def run_of(trace: Trace, recorded: int, snapshots: int, *, killed: bool) -> dict[str, Any]:
    """What the document says of the run as a whole.

    Args:
        trace: Of the run.
        recorded: How many steps were recorded.
        snapshots: How many snapshots that made.
        killed: As for `status_of`.
    """
    status, reason = status_of(trace, killed=killed)
    return {
        "status": status,
        "reason": reason,
        "steps": trace.steps,
        "recorded": max(recorded, trace.recorded),
        "snapshots": snapshots,
        "streams": trace.losses.stream_count,
        "evaluated": trace.evaluated[-LATEST:].tolist(),
    }
