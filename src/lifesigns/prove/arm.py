"""One training of a program in a sandbox, watched as `lifesigns run` watches it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lifesigns._errors import LifesignsError
from lifesigns.prove.sandbox import Outcome, Sandbox, calling
from lifesigns.prove.treatment import Treatment, refusal
from lifesigns.records import Trace
from lifesigns.store import read_run

SILENT = {
    "WANDB_MODE": "disabled",
    "MLFLOW_TRACKING_URI": "file:/tmp/lifesigns-mlruns",
    "COMET_START_ONLINE": "0",
    "COMET_AUTO_LOG_DISABLE": "1",
    "CLEARML_OFFLINE_MODE": "1",
    "NEPTUNE_MODE": "debug",
    "SWANLAB_MODE": "disabled",
    "DVC_STUDIO_OFFLINE": "true",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "WANDB_SILENT": "true",
}
"""Trackers send nothing."""
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
"""Hubs use what was downloaded before, instead of waiting for a network that is not there."""
NETWORK_ERRORS = (
    "gaierror", "URLError", "ConnectionError", "ConnectTimeout", "OfflineModeIsEnabled",
    "LocalEntryNotFoundError", "Network is unreachable", "name resolution", "Max retries exceeded",
    "Connection refused", "offline mode",
)  # fmt: skip
"""What an exception says that would not have been raised with a network."""
LAYER_ERRORS = {
    "Read-only file system": "it writes to a folder that could not be covered",
    "Invalid cross-device link": "it renames a folder that was there before, which layers cannot",
    "Value too large for defined data type": "it writes to a folder of another user",
    "No space left on device": "the disk of the sandbox is full",
}
"""What the system says where the sandbox, not the script, is the reason."""

REPORT = "\nlifesigns "
"""The report of `lifesigns run` begins so, below what the script has printed."""
RUN_FILE, CALLER = "run.lifesigns", "call.py"
"""In the sandbox's own folder."""
CALL = """import importlib.util, os, sys
path = os.path.abspath({path!r})
sys.path[0] = os.path.dirname(path)
spec = importlib.util.spec_from_file_location({name!r}, path)
module = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.{function}()
"""
"""A script that calls a function of another one."""
IN_AN_ARM = "LIFESIGNS_ARM"
"""Environment variable: this process is an arm."""


@dataclass(frozen=True)
class Program:
    """What is trained, from where, and how it is watched."""

    target: str
    """Path of a script, or the name of a module."""
    arguments: tuple[str, ...] = ()
    folder: Path = field(default_factory=Path.cwd)
    is_module: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """Of `lifesigns run`, without the dashes: `every`, `budget`, `max-steps`, `stop-on`."""
    function: str = ""
    """What of the script is called, instead of running it as the main program."""

    @property
    def name(self) -> str:
        """As a user would call it."""
        return f"{self.function} of {Path(self.target).name}" if self.function else self.target

    @property
    def script(self) -> Path | None:
        """The script's absolute path; None for a module."""
        return None if self.is_module else self.folder / self.target


@dataclass(frozen=True)
class Arm:
    """One training in a sandbox."""

    trace: Trace | None
    """None if it left no run file."""
    end: Outcome
    refusal: str = ""
    """Why the edit of its treatment was not made; empty if it was, or there was none."""

    @property
    def how(self) -> str:
        """How it ended, in the words of `RunInfo.outcome`."""
        if self.end.timed_out:
            return "did not end in time"
        return "" if self.trace is None else self.trace.info.outcome

    def unfair(self, *, has_network: bool, as_recorded: bool = False) -> str:
        """Why nothing can be concluded from it; empty if something can.

        Args:
            has_network: Whether it was allowed to use the network.
            as_recorded: It ended in the very words in which the recorded run did.
        """
        if self.end.timed_out:
            return "it did not end in time; give it more with --timeout"
        reason = "" if as_recorded else _reason(self.how, has_network)
        if not reason and not _has_trained(self.trace):
            reason = f"no training step was seen: {self._last_words()}"
        return reason

    def _last_words(self) -> str:
        """How it failed, or the last line that the program printed itself."""
        own, is_reported, _ = f"\n{self.end.output}".rpartition(REPORT)
        printed = (own if is_reported else self.end.output).strip().splitlines()
        last = (printed or ["nothing was printed"])[-1]
        return _line(self.how if self.how.startswith("failed") else last.rstrip("."))


def _has_trained(trace: Trace | None) -> bool:
    """Whether there was a backward pass, be it from a loss that no operation led to."""
    return trace is not None and (len(trace.losses.steps) > 0 or trace.severed > 0)


def train(
    sandbox: Sandbox,
    program: Program,
    treatment: Treatment | None = None,
    *,
    timeout: float | None = None,
    variables: Mapping[str, str] = os.environ,
) -> Arm:
    """Trains once, from the beginning, as if nothing had been trained before.

    Args:
        sandbox: Made for this program; entered.
        program: What to train.
        treatment: What is done to it; None leaves it exactly as it is.
        timeout: Seconds.
        variables: Of its environment, before what the sandbox needs.

    Raises:
        CannotRun: The sandbox is not possible here.
    """
    own = sandbox.own
    run_file = own / RUN_FILE
    watching = [part for name, value in program.options.items() for part in (f"--{name}", value)]
    order = [sys.executable, "-c", *_begin(sandbox, treatment), "run", *watching]
    order += ["--save", str(run_file), *(["-m"] if program.is_module else [])]
    order += [_target(sandbox, program), *program.arguments]
    inside = environment(sandbox.has_network, variables, is_treated=treatment is not None)
    end = sandbox.run(order, inside, timeout=timeout)
    is_edited = treatment is not None and treatment.edit is not None
    return Arm(_trace(run_file), end, refusal(own) if is_edited else "")


def _begin(sandbox: Sandbox, treatment: Treatment | None) -> list[str]:
    """How the process of an arm begins."""
    if treatment is None:
        return [calling("lifesigns.cli")]
    sandbox.own.mkdir(parents=True, exist_ok=True)
    inside = {str(sandbox.inside(Path(path))): text for path, text in treatment.sources.items()}
    watched = {str(sandbox.inside(Path(path))): path for path in treatment.watched}
    own = replace(treatment, sources=inside, watched=watched).put(sandbox.own)
    return ["; ".join(map(calling, ("lifesigns.prove._treated", "lifesigns.cli"))), str(own)]


def environment(
    has_network: bool, variables: Mapping[str, str], *, is_treated: bool = True
) -> dict[str, str]:
    """The variables of an arm, with trackers and hubs told to stay quiet.

    Args:
        has_network: Whether it may use the network.
        variables: Those that it would have otherwise.
        is_treated: Whether it is one of several that have to be alike.
    """
    told = SILENT if has_network else {**SILENT, **OFFLINE}
    hashes = {"PYTHONHASHSEED": "0"} if is_treated else {}  # the order of sets of texts
    # Compiled beforehand, or a compiler would be left running in the sandbox.
    return {"LIFESIGNS_KERNEL": "now", **hashes, **variables, **told, IN_AN_ARM: "1"}


def _target(sandbox: Sandbox, program: Program) -> str:
    absolute = Path(program.target).is_absolute() and not program.is_module
    target = str(sandbox.inside(Path(program.target).resolve())) if absolute else program.target
    if not program.function:
        return target
    caller = sandbox.own / CALLER
    text = CALL.format(path=target, name=Path(target).stem, function=program.function)
    caller.write_text(text, encoding="utf-8")
    return str(caller)


def _reason(how: str, has_network: bool) -> str:
    """Why the sandbox, not the script, is what made it fail."""
    if how.startswith("failed: EOFError"):
        return "it asks for input, and there is no terminal"
    if not has_network and any(word in how for word in NETWORK_ERRORS):
        return f"it needs the network ({_line(how)}); give it with --allow-network"
    for word, reason in LAYER_ERRORS.items():
        if word in how:
            return f"{reason} ({_line(how)})"
    return ""


def _trace(path: Path) -> Trace | None:
    try:
        return read_run(path)
    except LifesignsError:  # it was never begun
        return None


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
