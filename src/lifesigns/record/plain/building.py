"""Whether plain cycles are counted in C: from the second run on, where there is a compiler."""

from __future__ import annotations

import platform
import sys
import sysconfig
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import cast

from lifesigns._programs import program_here
from lifesigns.record.attach.followed_thread import NOBODY, TrainingThread
from lifesigns.record.plain.by_python import ROWS, SAMPLES, Host, PlainCycles
from lifesigns.record.schedule.clock import DISPATCH, NINTH, TIMED
from lifesigns.record.schedule.spikes import NEW, OLD, SPIKE

MAIN = Path(__file__).parent / "cycles.c"
MODULE = "_lifesigns_plain_cycles"
CONSTANTS = {
    "NOBODY": NOBODY,
    "ROWS": ROWS,
    "SAMPLES": SAMPLES,
    "TIMED": TIMED,
    "NINTH": NINTH,
    "DISPATCH": DISPATCH,
    "NEW": NEW,
    "OLD": OLD,
    "SPIKE": SPIKE,
}


def plain_cycles(host: Host, thread: TrainingThread) -> PlainCycles:
    """Plain cycles as fast as this machine counts them.

    Args:
        host: Sets their fields, and is called with what is not plain.
        thread: Told that it is inside a pass.
    """
    return (compiled_cycles() or PlainCycles)(host, thread)


@cache
def compiled_cycles() -> type[PlainCycles] | None:
    """The class that is written in C; None where this machine has not compiled it."""
    includes = Path(sysconfig.get_path("include"))
    if not _is_usual_python() or not (includes / "Python.h").is_file():
        return None
    about = f"-DBUILT_FOR={sys.implementation.cache_tag}_{sys.hexversion:x}"
    constants = [f"-D{name}={value}" for name, value in CONSTANTS.items()]
    path = program_here(MAIN, ("-I", str(includes), about, *constants))
    return None if path is None else _loaded(path)


def _is_usual_python() -> bool:
    """Whether its objects lie in memory as the headers tell, and one thread at a time runs."""
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    return platform.python_implementation() == "CPython" and not free_threaded


def _loaded(path: Path) -> type[PlainCycles] | None:
    loader = ExtensionFileLoader(MODULE, str(path))
    spec = spec_from_loader(MODULE, loader)
    if spec is None:
        return None
    try:
        module = module_from_spec(spec)
        loader.exec_module(module)
    except ImportError:
        return None
    return cast("type[PlainCycles]", module.PlainCycles)
