"""Scripts that the page has written, run under the watcher."""

import contextlib
import io
import math

import torch

import lifesigns


def repeated(script, name="script.py", watched=contextlib.nullcontext):
    """What the script leaves behind, and what watched it."""
    left = {}
    try:
        with watched() as watcher, contextlib.redirect_stdout(io.StringIO()):
            exec(compile(script, name, "exec"), left)
    finally:
        torch.set_default_dtype(torch.float32)
    return left, watcher


def judged(script, name, every):
    """What the script leaves behind, and the watcher's findings: rule, severity, root cause."""
    left, watcher = repeated(script, name, lambda: lifesigns.watch(every=every))
    found = watcher.report.findings
    return left, [(f.rule, f.severity.value, f.explained_by) for f in found]


def leading(findings):
    """The rule of the first alarm; empty if there is none."""
    return next((rule for rule, severity, _ in findings if severity != "note"), "")


def close(got, wanted):
    return math.isclose(float(got), wanted, rel_tol=1e-6, abs_tol=1e-9)
