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
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lifesigns._errors import Interrupted, RecorderError, UsageError, cut
from lifesigns._files import why_unreadable
from lifesigns._outputs import STDOUT, check_distinct, report_file
from lifesigns._ranks import Rank, filled, rank_here
from lifesigns.commands._run.collector import resting_collector
from lifesigns.commands._run.delivery import Delivery
from lifesigns.commands._run.launching import hint, is_launcher, with_children_watched
from lifesigns.commands._run.outlet import Outlet
from lifesigns.commands._run.signals import Farewell
from lifesigns.commands._run.stopper import Stopper
from lifesigns.locale.spoken import asked, said, speaking, spoken
from lifesigns.records import RunInfo
from lifesigns.report import Report
from lifesigns.rules import Selection

if TYPE_CHECKING:
    from lifesigns.commands._run.live_page import LivePage
    from lifesigns.commands._run.together import Together
    from lifesigns.watch import Watcher

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
"""Where our own code lies."""
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
    html_path: Path | None = None,
    selection: Selection | None = None,
    is_check: bool = False,
    live: bool = False,
    output_format: str = "text",
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
        html_path: Where to write the report as a page.
        selection: Which rules are asked.
        is_check: Whether something alarming, or no training at all, makes the exit code 1.
        live: Whether another process serves the page of the run while it trains.
        output_format: `github` adds an annotation for each finding.

    Returns:
        The script's exit code; 0 if it was ended by `max_steps` or `stop_on`.

    Raises:
        UsageError: There is no such script or module, or an output is no place for a file.
        Interrupted: Ctrl-C ended the script.
    """
    if is_launcher(target, module=module):
        return _launch(target, arguments, module)
    rank, texts = rank_here(), (json_path, sarif_path, html_path)
    given = [path and filled(path, rank) for path in (*texts, save)]
    _check_files(_source(target, module), tuple(given[:-1]), given[-1])
    with resting_collector():
        from lifesigns.watch import Watcher

    options = _options(every, budget, max_steps, stop_on)
    stopper = Stopper(max_steps, stop_on, "check" if is_check else "--max-steps")
    outlets = Outlet(sys.stdout), Outlet(sys.stderr)
    beside = outlets[not is_check] if output_format == "github" else None
    alone = Delivery(*texts, *outlets, annotates=beside)
    delivery, save = _in_ranks(alone, save, selection or Selection(), rank)
    watch = partial(
        Watcher,
        every=every,
        budget=budget,
        strict=strict,
        selection=selection,
        info=_info([*(["-m"] if module else []), target, *arguments], options, rank),
        on_cycle=stopper if stopper.active else None,
    )
    if live and (rank is None or rank.number == 0):
        from lifesigns.commands._run.live_page import with_page

        watcher, page = with_page(watch, save, selection or Selection(), delivery.say)
    else:
        watcher, page = watch(save=save), None
    stopper.findings = lambda: watcher.findings
    stopper.place = getattr(delivery, "place", None)
    last = _LastWord(watcher, delivery, stopper, is_check, page)
    last.farewell.install()
    ending = _execute(_as_module if module else _as_script, target, arguments)
    _flush()
    if _threads_remain():
        atexit.register(last, ending)  # Python waits for them first, and lets idle executors go
    else:
        last(ending)
    if ending.code == INTERRUPTED and ending.outcome == "interrupted":
        raise Interrupted
    return ending.code


def _in_ranks(
    alone: Delivery, save: Path | None, selection: Selection, rank: Rank | None
) -> tuple[Delivery | Together, Path | None]:
    if rank is None:
        return alone.at(lambda path: filled(path, None)), save and filled(save, None)
    from lifesigns.commands._run.together import in_ranks  # with SQLite: only ranks pay for it

    return in_ranks(alone, save, selection, rank)


def _launch(target: str, arguments: list[str], module: bool) -> int:
    """Runs a program that only starts others, with `lifesigns run` in each of these."""
    words = with_children_watched(arguments)
    ending = _execute(_as_module if module else _as_script, target, words)
    _flush()
    if ending.code == INTERRUPTED and ending.outcome == "interrupted":
        raise Interrupted
    return ending.code


class _LastWord:
    """Reports, once, however the script ends; in a process that it forked, nothing."""

    def __init__(
        self,
        watcher: Watcher,
        delivery: Delivery | Together,
        stopper: Stopper,
        is_check: bool,
        page: LivePage | None,
    ) -> None:
        self._watcher, self._delivery, self._stopper = watcher, delivery, stopper
        self._is_check, self._page = is_check, page
        self._process = os.getpid()
        self._is_said = False
        self._language = spoken(), asked()
        self.farewell = Farewell(self._on_signal)

    def __call__(self, ending: Ending) -> None:
        """Reports on the run; the exit code changes for a check only."""
        self.farewell.remove()
        if os.getpid() != self._process or self._is_said:
            return
        if ending.code == 0:
            ending.outcome = self._stopper.reason or ending.outcome
        self._delivery.stdout.flush()
        self._delivery.stderr.flush()
        report = self._say(ending)
        if text := hint(report):
            with speaking(*self._language):
                self._delivery.say(said(text))
        if self._page:
            self._page.end()
        if self._is_check and not (report and report.ok and report.trace.snapshots):
            ending.code = ending.code or 1

    def _on_signal(self, name: str) -> None:
        """Without flushing what the script printed: unwatched, the signal would lose it, too."""
        if not self._is_said:
            self._say(Ending(1, f"ended by {name}"))

    def _say(self, ending: Ending) -> Report | None:
        self._is_said = True
        with speaking(*self._language):
            return self._delivery(lambda: self._report(ending))

    def _report(self, ending: Ending) -> Report:
        try:
            return self._watcher.detach(ending.outcome)
        except RecorderError as error:  # in strict mode; by now the watcher is detached
            self._delivery.say(said(str(error), "errors"))
            ending.code = ending.code or 1
            return self._watcher.detach(ending.outcome)


def _check_files(source: Path | None, texts: tuple[Path | None, ...], save: Path | None) -> None:
    """Looked at before training starts, because the report is written when it has ended."""
    for path in texts:
        if path is not None and path != STDOUT:
            report_file(path)
    check_distinct((*texts, save), inputs=(source,))


def _source(target: str, module: bool) -> Path | None:
    """The file with the program; None for a module that has none.

    Raises:
        UsageError: There is no such program.
    """
    if module:
        return _module_file(target)
    reason = why_unreadable(Path(target))
    if reason:
        raise UsageError(f"{cut(target)} {reason}; expected a Python training script.")
    return Path(target)


def _module_file(name: str) -> Path | None:
    """Found as `python -m` would find it, which also looks in the current folder."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
    except ModuleNotFoundError:
        spec = None
    finally:
        sys.path.pop(0)
    if spec is None:
        raise UsageError(f"No module named {name!r}; expected one that python -m would run.")
    return Path(spec.origin) if spec.has_location and spec.origin else None


def _options(
    every: int | None, budget: float, max_steps: int | None, stop_on: str | None
) -> dict[str, str]:
    """What a run has to be given to be watched and ended as this one."""
    watching = {"budget": repr(budget)} if every is None else {"every": str(every)}
    ending = {"max-steps": max_steps, "stop-on": stop_on}
    return watching | {name: str(value) for name, value in ending.items() if value is not None}


def _info(words: list[str], options: dict[str, str], rank: Rank | None) -> RunInfo:
    return RunInfo(
        command=" ".join(words),
        arguments=tuple(words),
        folder=str(Path.cwd()),
        options=options,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions={
            "python": platform.python_version(),
            "torch": version("torch"),
            "lifesigns": version("lifesigns"),
        },
        rank=rank.number if rank else 0,
        ranks=rank.world if rank else 1,
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
        return _show(error, target) or Ending(INTERRUPTED, "interrupted")
    except BaseException as error:
        outcome = f"failed: {type(error).__name__}: {_text(error)}"
        return _show(error, target) or Ending(1, outcome)


def _as_script(target: str) -> None:
    """What `python target` does; the module stays alive for functions that run at exit."""
    sys.path.insert(0, str(Path(target).resolve().parent))
    path = os.path.join(os.getcwd(), target)  # noqa: PTH109, PTH118
    main = types.ModuleType("__main__")
    main.__loader__ = SourceFileLoader("__main__", path)
    main.__file__ = path
    main.__cached__ = None  # type: ignore[attr-defined]
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    with io.open_code(path) as file:
        source = file.read()
    sys.modules["__main__"] = main
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _as_module(target: str) -> None:
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_module(target, run_name="__main__", alter_sys=True)


def _exited(stop: SystemExit) -> Ending:
    """What Python makes of it: only the last eight bits of a number reach the system."""
    code = stop.code
    if code is None:
        return Ending(0, "finished")
    if not isinstance(code, int):
        with contextlib.suppress(Exception):  # standard error may be closed, `__str__` may fail
            print(code, file=sys.stderr)
        code = 1
    seen = int(code) & 0xFF
    return Ending(code, f"failed: exit code {seen}" if seen else "finished")


def _show(error: BaseException, target: str) -> Ending | None:
    """Hands the exception to `sys.excepthook` without the frames of ours.

    Returns:
        The ending, if the hook, which may be the script's own, chose another one.
    """
    frames = _users(error.__traceback__)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    try:
        sys.excepthook(type(error), error.with_traceback(frames), frames)
    except SystemExit as stop:
        return _exited(stop)
    except BaseException:
        with contextlib.suppress(Exception):
            traceback.print_exc()
    return None


def _users(frames: types.TracebackType | None) -> types.TracebackType | None:
    """Without the frames that started the script, and those that watch its backward passes."""
    starting = {runpy.__file__, "<frozen runpy>"}
    while frames is not None and (_is_ours(frames) or _file(frames) in starting):
        frames = frames.tb_next
    frame = frames
    while frame is not None:
        while frame.tb_next is not None and _is_ours(frame.tb_next):
            frame.tb_next = frame.tb_next.tb_next
        frame = frame.tb_next
    return frames


def _is_ours(frame: types.TracebackType) -> bool:
    return _file(frame).startswith(_PACKAGE)


def _file(frame: types.TracebackType) -> str:
    return frame.tb_frame.f_code.co_filename


def _flush() -> None:
    """As Python does when a program has come to its end, before it waits for threads."""
    for stream in (sys.stderr, sys.stdout):
        with contextlib.suppress(Exception):  # tried again at the very end, and said then
            stream.flush()


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return "<exception str() failed>"


def _threads_remain() -> bool:
    """Whether a script left work, perhaps training, to threads that Python would wait for."""
    here = threading.current_thread()
    return any(not thread.daemon and thread is not here for thread in threading.enumerate())
