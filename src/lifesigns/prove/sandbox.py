"""A place in which a script runs at its own path, and outside of which it changes nothing.

On Linux the folders it can write are covered with upper layers (see `layers`), in namespaces that
hold for the script alone. Where that is forbidden, the script runs in a copy of its tree, and what
is not protected then is said. It is a protection against accidents, not against malice.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from lifesigns.prove._driver import LOOKS, Result, Specification
from lifesigns.prove.changes import Changes, between, look
from lifesigns.prove.copies import CannotRun, Copies
from lifesigns.prove.fork_server import Forked, ForkServer
from lifesigns.prove.layers import MOUNTS, PREFIX, is_within, layers, mounts
from lifesigns.prove.places import (
    PATIENCE,
    common,
    new_folder,
    outermost,
    parent_for,
    project,
    remove,
)

SWITCH = "LIFESIGNS_SANDBOX"
"""Environment variable: `copy` uses a copy of the tree where layers would work, too."""
TAIL = 2**14
"""Bytes of what a command printed that are remembered."""


@dataclass(frozen=True)
class Outcome(Result):
    """How a command ended in a sandbox, and what it printed last."""

    output: str = ""


@dataclass
class Sandbox:
    """Runs commands, one after the other, each as if it were the first.

    Args:
        script: The program, whose tree is protected; None for a module.
        folder: Where commands run.
        keep: A new folder to which all that the commands wrote is moved at the end.
        has_network: Whether the commands may use the network.
        stop: Once it is set, commands are ended at once, and no result comes of them.
        server: Forks the processes of commands that it serves, where folders are covered.

    Example:
        >>> with Sandbox(None, Path.cwd()) as sandbox:  # doctest: +SKIP
        ...     sandbox.run(["python", "train.py"], os.environ)
    """

    script: Path | None
    folder: Path
    keep: Path | None = None
    has_network: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    server: ForkServer | None = None
    reason: str = field(default="", init=False)
    """Why commands run in a copy of the tree; empty where folders are covered."""
    layers: list[str] = field(default_factory=list, init=False)
    """The folders that are covered."""
    _root: Path = field(init=False)
    _runs: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.trees = outermost([project(self.script, self.folder), self.folder])

    def __enter__(self) -> Sandbox:
        if os.name != "posix":
            raise CannotRun("A sandbox needs Linux, or for a copy of the tree another Unix.")
        self.keep = self.keep and new_folder(self.keep)
        places = [*self.trees, *common()]
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent_for(places)))
        try:
            self.reason = self._why_not(places)
        except BaseException:
            remove(self._root)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self.keep is not None:
                for arm in self._root.glob("arm-*"):
                    shutil.move(arm, self.keep)
        finally:
            remove(self._root)

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        timeout: float | None = None,
    ) -> Outcome:
        """Runs a command in an untouched world, without a terminal, and waits for its end.

        Args:
            command: Program and arguments; a path in a protected tree has to be given by `inside`.
            environment: All variables it gets.
            timeout: Seconds after which it is killed with all processes that it started.

        Raises:
            CannotRun: The tree is too large for a copy, or the sandbox itself was killed.
        """
        arm = self._arm
        self.own.mkdir(parents=True, exist_ok=True)
        self._runs += 1
        wanted = self._wanted(arm, command, timeout)
        if self.is_copy:
            return self._run_in_copy(wanted, environment)
        serves = self.server is not None and self.server.serves(command, environment)
        server = self.server if serves else None
        outcome = _driven(replace(wanted, layers=self.layers), environment, self.stop, server)
        if outcome.refused:
            raise CannotRun(f"The sandbox was refused: {outcome.refused}. Try it again.")
        if self.keep is not None:
            _lay_out(arm, outcome.changes, lambda path: self._upper(arm, path))
        return outcome

    @property
    def is_copy(self) -> bool:
        """Whether commands run in a copy of the tree."""
        return bool(self.reason)

    @property
    def own(self) -> Path:
        """A folder that the next command may write to and that outlives it; made by `run`."""
        return self._arm / "own"

    def inside(self, path: Path) -> Path:
        """Where a path of outside is for the next command.

        Args:
            path: Absolute.
        """
        return self._copies(self._arm).inside(path) if self.is_copy else path

    def warning(self) -> str:
        """What is not protected; empty where folders are covered."""
        if not self.is_copy:
            return ""
        trees = " and ".join(map(str, self.trees))
        return (
            f"Folders cannot be covered here: {self.reason}. A copy of {trees} is used instead. "
            "Not protected: files named by absolute paths, $HOME, and the network."
        )

    @property
    def _arm(self) -> Path:
        """The folder of the next command."""
        return self._root / f"arm-{self._runs + 1}"

    def _copies(self, arm: Path) -> Copies:
        return Copies(self.trees, arm / "copies")

    def _wanted(self, arm: Path, command: Sequence[str], timeout: float | None) -> Specification:
        return Specification(
            list(command),
            str(self.folder),
            str(arm),
            layers=None,
            has_network=self.has_network,
            timeout=timeout,
            parent=os.getpid(),
        )

    def _why_not(self, places: Sequence[Path]) -> str:
        """Why folders cannot be covered; decides which, and tries it with a command."""
        if os.environ.get(SWITCH) == "copy":
            return f"{SWITCH}=copy"
        if sys.platform != "linux":
            return "that needs Linux"
        table = mounts(MOUNTS.read_text(errors="surrogateescape"))
        self.layers = layers(table, str(self._root), map(str, places))
        for tree in self.trees:
            if not any(is_within(str(tree), layer) for layer in self.layers):
                return f"something is mounted in {tree}, or it cannot be written"
        probe = self._root / "probe"
        probe.mkdir()
        wanted = replace(self._wanted(probe, ["true"], PATIENCE), layers=self.layers)
        return _driven(wanted, os.environ, self.stop).refused

    def _run_in_copy(self, wanted: Specification, environment: Mapping[str, str]) -> Outcome:
        copies = self._copies(Path(wanted.sandbox))
        copies.make()
        temporary = Path(wanted.sandbox, "own", "tmp")
        temporary.mkdir()
        before = look([copies.folder])
        folder = str(copies.inside(self.folder))
        environment = {
            **environment,
            "PWD": folder,
            "PYTHONDONTWRITEBYTECODE": "1",  # modules may be imported from outside the copy
            "TMPDIR": str(temporary),
        }
        outcome = _driven(replace(wanted, folder=folder), environment, self.stop)
        changes = copies.outside(between(before, look([copies.folder])))
        if self.keep is not None:
            _lay_out(Path(wanted.sandbox), changes, lambda path: copies.inside(Path(path)))
        return replace(outcome, changes=changes)

    def _upper(self, arm: Path, path: str) -> Path:
        """Where a layer keeps a file that was written."""
        layer = max((one for one in self.layers if is_within(path, one)), key=len)
        upper = arm / "layers" / str(self.layers.index(layer)) / "upper"
        return upper / Path(path).relative_to(layer)


def _lay_out(arm: Path, changes: Changes, source: Callable[[str], Path]) -> None:
    """Puts all files that were written into one tree, under the paths that they have outside."""
    for path in (*changes.written, *changes.changed):
        kept = Path(f"{arm}/files{path}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            source(path).replace(kept)
    for bulky in ("layers", "copies"):
        remove(arm / bulky)


def calling(module: str) -> str:
    """Python code that calls `main` of a module, without the working directory on the path.

    Args:
        module: Its dotted name.
    """
    clean = "import sys; sys.path[:1] = filter(None, sys.path[:1])"
    return f"{clean}; from {module} import main; main()"


def _driven(
    wanted: Specification,
    environment: Mapping[str, str],
    stop: threading.Event,
    server: ForkServer | None = None,
) -> Outcome:
    """Starts the driver and waits for it; whatever interrupts that ends it and all below it."""
    arm = Path(wanted.sandbox)
    (arm / "layers").mkdir()
    specification = arm / "specification.json"
    specification.write_text(json.dumps(asdict(wanted)))
    forked = None if server is None else server.fork(specification)
    with forked or _new(specification, wanted.output, environment) as driver, _ended(driver):
        while driver.poll() is None and not stop.wait(LOOKS):
            pass
    return _read(wanted.result, wanted.output)


def _new(
    specification: Path, printed: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    order = [sys.executable, "-c", calling("lifesigns.prove._driver"), str(specification)]
    with printed.open("wb") as output:
        return subprocess.Popen(
            order,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environment),
        )


@contextmanager
def _ended(driver: subprocess.Popen[bytes] | Forked) -> Iterator[None]:
    try:
        yield
    finally:
        if driver.poll() is None:
            driver.terminate()  # without layers it ends its descendants then
            with suppress(subprocess.TimeoutExpired):
                driver.wait(PATIENCE)
            driver.kill()
            driver.wait()


def _read(result: Path, printed: Path) -> Outcome:
    with printed.open("rb") as file:
        file.seek(max(printed.stat().st_size - TAIL, 0))
        output = file.read().decode(errors="replace")
    try:
        noted = json.loads(result.read_text())
    except (OSError, ValueError) as error:
        raise CannotRun(f"The sandbox ended without a result: {output[-300:]!r}.") from error
    changes = Changes(**{name: tuple(paths) for name, paths in noted.pop("changes").items()})
    return Outcome(**noted, changes=changes, output=output)
