"""`lifesigns run`: any PyTorch training script, unchanged, under the recorder's eye."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import io
import os
import platform
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifesigns._errors import LifesignsError, RecorderError, UsageError
from lifesigns.records import RunInfo, Severity
from lifesigns.report import Report
from lifesigns.rules import Selection

if TYPE_CHECKING:
    from lifesigns.watch import Watcher

INTERRUPTED = 130
"""Exit code of a program ended by Ctrl-C: 128 + SIGINT."""


@dataclass
class Ending:
    """How the script ended."""

    code: int
    outcome: str


def run(
    target: str,
    arguments: list[str],
    *,
    module: bool = False,
    every: int | None = None,
    budget: float = 0.01,
    json_path: Path | None = None,
    save: Path | None = None,
    stop_on: str | None = None,
    max_steps: int | None = None,
    strict: bool = False,
    sarif_path: Path | None = None,
    selection: Selection | None = None,
    is_check: bool = False,
) -> int:
    """Runs a script as `python` would, watched, and reports to stderr however it ends.

    Args:
        target: Path of a script, or the name of a module if `module`.
        arguments: The script's own arguments.
        module: Run as `python -m target`.
        every: Record each N-th step.
        budget: Share of the training time that watching may cost.
        json_path: Where to write the report as JSON.
        save: Where to write the run file.
        stop_on: `error` ends the run at the first finding that it cannot learn.
        max_steps: Ends the run after so many steps.
        strict: Raise the recorder's own failures.
        sarif_path: Where to write the report as SARIF.
        selection: Which rules are asked.
        is_check: Whether something alarming, or no training at all, makes the exit code 1.

    Returns:
        The script's exit code; 0 if it was ended by `max_steps` or `stop_on`.

    Raises:
        UsageError: There is no such script or module.
    """
    _check_target(target, module)
    from lifesigns.watch import Watcher

    stopper = _Stopper(max_steps, stop_on)
    watcher = Watcher(
        every=every,
        budget=budget,
        save=save,
        strict=strict,
        selection=selection,
        info=_info(target, arguments, module),
        on_cycle=stopper if stopper.active else None,
    )
    stopper.findings = lambda: watcher.findings
    process = os.getpid()
    ending = _execute(_as_module if module else _as_script, target, arguments)

    def finish() -> None:
        if os.getpid() != process:  # the script forked, and this child came to the script's end
            return
        if ending.code == 0:
            ending.outcome = stopper.reason or ending.outcome
        report = _deliver(lambda: _report(watcher, ending), json_path, sarif_path)
        if is_check and not (report and report.ok and report.trace.snapshots):
            ending.code = ending.code or 1

    if _threads_remain():
        atexit.register(finish)  # Python waits for them first, and lets idle executors go
    else:
        finish()
    return ending.code


def check(
    target: str,
    *,
    json_path: Path | None = None,
    sarif_path: Path | None = None,
    selection: Selection | None = None,
) -> int:
    """`lifesigns check SCRIPT`: runs it up to the end of its first training step.

    Returns:
        0 if nothing alarming was found, 1 otherwise, or the exit code of a script that failed.
    """
    return run(
        target,
        [],
        every=1,
        max_steps=1,
        json_path=json_path,
        sarif_path=sarif_path,
        selection=selection,
        is_check=True,
    )


def _report(watcher: Watcher, ending: Ending) -> Report:
    try:
        return watcher.detach(ending.outcome)
    except RecorderError as error:  # in strict mode; by now the watcher is detached
        _say(str(error))
        ending.code = ending.code or 1
        return watcher.detach(ending.outcome)


def _deliver(
    made: Callable[[], Report], json_path: Path | None, sarif_path: Path | None
) -> Report | None:
    """Prints and writes the report; what goes wrong here must not change how the run ended."""
    report = None
    with _undelivered():
        report = made()
        with _undelivered():
            report.print()
        if json_path is not None:
            with _undelivered():
                report.write_json(json_path)
        if sarif_path is not None:
            report.write_sarif(sarif_path)
    return report


@contextlib.contextmanager
def _undelivered() -> Iterator[None]:
    """Says that the report could not be delivered, with a traceback if that is a bug of ours."""
    try:
        yield
    except (OSError, LifesignsError) as error:
        _say(f"the report could not be delivered: {error}")
    except Exception:
        _say(f"the report could not be delivered; please report this:\n{traceback.format_exc()}")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"lifesigns: {text}", file=sys.stderr)


class _Stopper:
    """Ends the run from inside, at the end of a step.

    By `SystemExit` itself: on that alone Python ends a thread that trains without a traceback.
    """

    def __init__(self, max_steps: int | None, stop_on: str | None) -> None:
        self._max_steps, self._stop_on = max_steps, stop_on
        self._next_look = 1
        self.reason = ""
        """Why the run was ended."""
        self.findings: Callable[[], Any] = tuple
        self.active = max_steps is not None or stop_on is not None

    def __call__(self, step: int) -> None:
        if self._max_steps is not None and step >= self._max_steps:
            steps = "1 step" if step == 1 else f"{step} steps"
            self._stop(f"stopped after {steps} (--max-steps)")
        if self._stop_on is None or step < self._next_look:
            return
        self._next_look = 2 * step
        for finding in self.findings():
            if finding.severity is Severity.ERROR:
                self._stop(f"stopped at step {step}: {finding.rule} (--stop-on error)")

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        raise SystemExit(0)


def _check_target(target: str, module: bool) -> None:
    if module:
        if not _module_exists(target):
            raise UsageError(f"No module named {target!r}; expected one that python -m would run.")
    elif not Path(target).is_file():
        raise UsageError(f"{target}: no such file; expected a Python training script.")


def _module_exists(name: str) -> bool:
    """Whether `python -m` would find the module, which it also looks for in the current folder."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
    finally:
        sys.path.pop(0)


def _info(target: str, arguments: list[str], module: bool) -> RunInfo:
    return RunInfo(
        command=" ".join([*(["-m"] if module else []), target, *arguments]),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions={
            "python": platform.python_version(),
            "torch": version("torch"),
            "lifesigns": version("lifesigns"),
        },
    )


def _execute(start: Callable[[str], None], target: str, arguments: list[str]) -> Ending:
    """Runs the script; its exception is printed as Python would, with its own frames only.

    `sys.argv` and `sys.path` stay the script's, for its threads and its functions that run at exit.
    """
    sys.argv = [target, *arguments]
    try:
        start(target)
        return Ending(0, "finished")
    except SystemExit as stop:
        return _exited(stop)
    except KeyboardInterrupt as error:
        _show(error, target)
        return Ending(INTERRUPTED, "interrupted")
    except BaseException as error:
        _show(error, target)
        return Ending(1, f"failed: {type(error).__name__}: {error}")


def _as_script(target: str) -> None:
    """What `python target` does; the module stays alive for functions that run at exit."""
    sys.path.insert(0, str(Path(target).resolve().parent))
    main = types.ModuleType("__main__")
    main.__file__ = target
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    with io.open_code(str(Path(target).resolve())) as file:
        source = file.read()
    sys.modules["__main__"] = main
    exec(compile(source, target, "exec"), main.__dict__)


def _as_module(target: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_module(target, run_name="__main__", alter_sys=True)


def _exited(stop: SystemExit) -> Ending:
    if stop.code is None or isinstance(stop.code, int):
        code = stop.code or 0
    else:
        print(stop.code, file=sys.stderr)
        code = 1
    return Ending(code, "finished" if code == 0 else f"failed: exit code {code}")


def _show(error: BaseException, target: str) -> None:
    """Hands the exception to `sys.excepthook` without the frames that only started the script."""
    frames = error.__traceback__
    own = {__file__, runpy.__file__, "<frozen runpy>"}
    while frames is not None and frames.tb_frame.f_code.co_filename in own:
        frames = frames.tb_next
    sys.stdout.flush()
    try:
        sys.excepthook(type(error), error.with_traceback(frames), frames)
    except Exception:  # a hook of the script's own
        traceback.print_exc()


def _threads_remain() -> bool:
    """Whether a script left work, perhaps training, to threads that Python would wait for."""
    here = threading.current_thread()
    return any(not thread.daemon and thread is not here for thread in threading.enumerate())
