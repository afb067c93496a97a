"""A place in which a script runs at its own path, and outside of which it changes nothing.

On Linux the folders it can write are covered with upper layers (see `layers`), in namespaces that
hold for the script alone. Where that is forbidden, the script runs in a copy of its tree, and what
is not protected then is said.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lifesigns._cache import cache_folder
from lifesigns._errors import LifesignsError, UsageError
from lifesigns.prove._driver import Result, Specification
from lifesigns.prove.changes import Changes, between, look
from lifesigns.prove.layers import MOUNTS, is_within, layers, mounts

SWITCH = "LIFESIGNS_SANDBOX"
"""Environment variable: `copy` uses a copy of the tree where layers would work, too."""
PREFIX = "lifesigns-rerun-"
MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
"""Something of these names lies in the topmost folder of a project."""
MOST_OF_DISK = 0.5
"""Share of the free disk that a copy may take."""
PATIENCE = 5.0
"""Seconds to wait for the last files of processes that were just ended."""


class CannotRun(LifesignsError):
    """The run cannot be repeated fairly; the message says why, and what to do."""


@dataclass(frozen=True)
class Outcome(Result):
    """How a command ended in a sandbox, and where what it left lies."""

    folder: Path = field(default_factory=Path)
    """The sandbox's folder of this command."""
    output: str = ""
    """The end of what it printed."""


@dataclass
class Sandbox:
    """Runs commands, one after the other, each as if it were the first.

    Args:
        script: The program, whose tree is protected; None for a module.
        folder: Where commands run.
        keep: A new folder in which all stays; by default it is removed at the end.
        has_network: Whether the commands may use the network.

    Example:
        >>> with Sandbox(None, Path.cwd()) as sandbox:  # doctest: +SKIP
        ...     sandbox.run(["python", "train.py"], os.environ)
    """

    script: Path | None
    folder: Path
    keep: Path | None = None
    has_network: bool = False
    reason: str = ""
    """Why it is a copy of the tree; empty where folders are covered."""
    _root: Path = field(init=False)
    _runs: int = 0

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.trees = _outermost([project(self.script, self.folder), self.folder])
        self.layers: list[str] = []

    def __enter__(self) -> Sandbox:
        self._root = self._made()
        try:
            self._choose()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the sandbox's folder, unless it is to be kept."""
        if self.keep is None:
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
        place = self._next
        (place / "own").mkdir(parents=True)
        self._runs += 1
        run = self._run_in_copy if self.is_copy else self._driven
        return run(place, command, environment, timeout)

    @property
    def is_copy(self) -> bool:
        """Whether commands run in a copy of the tree."""
        return bool(self.reason)

    @property
    def own(self) -> Path:
        """A folder that the next command may write to and that outlives it."""
        return self._next / "own"

    def inside(self, path: Path) -> Path:
        """Where a path of outside is for the next command.

        Args:
            path: Absolute.
        """
        if not self.is_copy:
            return path
        return _moved(path, self.trees, self._next / "copies")

    def warning(self) -> str:
        """What is not protected; empty where folders are covered."""
        if not self.is_copy:
            return ""
        trees = " and ".join(map(str, self.trees))
        return (
            f"No layers over folders here: {self.reason}. A copy of {trees} is used instead. "
            "Not protected: files named by absolute paths, $HOME, and the network."
        )

    @property
    def _next(self) -> Path:
        """The folder of the next command."""
        return self._root / f"arm-{self._runs + 1}"

    def _made(self) -> Path:
        if self.keep is not None:
            return _new_folder(self.keep)
        parent = _parent([*self.trees, *_places()])
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)).resolve()

    def _choose(self) -> None:
        if os.environ.get(SWITCH) == "copy":
            self.reason = f"{SWITCH}=copy"
        elif sys.platform != "linux":
            self.reason = "they need Linux"
        else:
            places = [str(place) for place in (*self.trees, *_places())]
            table = mounts(MOUNTS.read_text(errors="surrogateescape"))
            self.layers = layers(table, str(self._root), places)
            self.reason = self._uncovered() or self._probed()

    def _uncovered(self) -> str:
        for tree in self.trees:
            if not any(is_within(str(tree), layer) for layer in self.layers):
                return f"{tree} cannot be covered, for something is mounted in it"
        return ""

    def _probed(self) -> str:
        """Why nothing can run here; found by running next to nothing."""
        place = self._root / "probe"
        place.mkdir()
        return self._driven(place, ["true"], os.environ, PATIENCE).refused

    def _driven(
        self,
        place: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout: float | None,
        folder: Path | None = None,
    ) -> Outcome:
        wanted = Specification(
            list(command),
            str(folder or self.folder),
            str(place),
            self.layers if folder is None else None,
            self.has_network,
            timeout,
            os.getpid(),
        )
        specification = place / "specification.json"
        specification.write_text(json.dumps(asdict(wanted)))
        (place / "layers").mkdir(exist_ok=True)
        _drive(specification, place / "output.txt", environment)
        outcome = _read(wanted.result, place)
        if self.keep is not None and wanted.layers is not None:
            self._lay_out(place, outcome.changes)
        return outcome

    def _lay_out(self, place: Path, changes: Changes) -> None:
        """Puts the files of all layers into one tree, under the paths that they have outside."""
        for path in (*changes.written, *changes.changed):
            number = max(
                (len(layer), number)
                for number, layer in enumerate(self.layers)
                if is_within(path, layer)
            )[1]
            inner = Path(path).relative_to(self.layers[number])
            kept = Path(f"{place}/files{path}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            if not path.endswith("/"):
                (place / "layers" / str(number) / "upper" / inner).replace(kept)
        remove(place / "layers")

    def _run_in_copy(
        self,
        place: Path,
        command: Sequence[str],
        environment: Mapping[str, str],
        timeout: float | None,
    ) -> Outcome:
        copies = place / "copies"
        temporary = place / "own" / "tmp"
        temporary.mkdir()
        _check_size(self.trees, place)
        for tree in self.trees:
            shutil.copytree(tree, _moved(tree, self.trees, copies), symlinks=True, ignore=_ours)
        before = look([copies])
        environment = {
            **environment,
            "PWD": str(_moved(self.folder, self.trees, copies)),
            "PYTHONDONTWRITEBYTECODE": "1",  # modules may be imported from outside the copy
            "TMPDIR": str(temporary),
        }
        folder = _moved(self.folder, self.trees, copies)
        outcome = self._driven(place, command, environment, timeout, folder)
        changes = between(before, look([copies]))
        return Outcome(**{**vars(outcome), "changes": self._renamed(changes, copies)})

    def _renamed(self, changes: Changes, copies: Path) -> Changes:
        """With the names that the files have outside."""

        def outside(path: str) -> str:
            number, _, rest = path[len(str(copies)) + 1 :].partition("/")
            return str(self.trees[int(number)] / rest)

        return Changes(*(tuple(map(outside, paths)) for paths in vars(changes).values()))


def project(script: Path | None, folder: Path) -> Path:
    """The topmost folder of the project that a script belongs to.

    Args:
        script: None for a module, which is looked for in the working directory.
        folder: The working directory.

    Returns:
        The nearest folder at or above the script's own with a mark of a project, but neither a
        home, nor a folder that everybody uses; without one, the script's own.
    """
    own = folder if script is None else script.resolve().parent
    shared = {*_places(), Path(own.anchor)}
    for candidate in (own, *own.parents):
        if candidate in shared:
            break
        if any((candidate / mark).exists() for mark in MARKS):
            return candidate
    return own


def remove(folder: Path) -> None:
    """Removes a sandbox's folder; overlays leave folders in it that nobody may enter.

    Args:
        folder: It may be gone already.
    """
    end = time.monotonic() + PATIENCE
    while folder.exists():
        for here, inner, _ in os.walk(folder):
            for name in inner:
                path = Path(here, name)
                if not path.is_symlink():
                    with suppress(OSError):
                        path.chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=time.monotonic() < end)


def _drive(specification: Path, output: Path, environment: Mapping[str, str]) -> None:
    """Starts the driver and waits for it; whatever interrupts the wait ends it and all below it."""
    order = [sys.executable, "-c", calling("lifesigns.prove._driver"), str(specification)]
    with output.open("wb") as printed, Path(os.devnull).open("rb") as nothing:
        driver = subprocess.Popen(
            order,
            stdin=nothing,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environment),
        )
        with _ended(driver):
            driver.wait()


@contextmanager
def _ended(driver: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if driver.poll() is None:
            driver.terminate()  # the plain driver ends its descendants then
            with suppress(subprocess.TimeoutExpired):
                driver.wait(PATIENCE)
            driver.kill()
            driver.wait()


def calling(module: str) -> str:
    """Python code that calls `main` of a module, without the working directory on the path.

    Args:
        module: Its dotted name.
    """
    clean = "import sys; sys.path[:1] = filter(None, sys.path[:1])"
    return f"{clean}; from {module} import main; main()"


def _read(result: Path, place: Path) -> Outcome:
    output = _tail(place / "output.txt")
    try:
        noted = json.loads(result.read_text())
    except (OSError, ValueError) as error:
        raise CannotRun(f"The sandbox ended without a result: {output[-300:]!r}.") from error
    changes = Changes(**{name: tuple(paths) for name, paths in noted.pop("changes").items()})
    return Outcome(**noted, changes=changes, folder=place, output=output)


def _tail(path: Path, most: int = 2**14) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - most, 0))
        return file.read().decode(errors="replace")


def _places() -> list[Path]:
    """Where scripts write beside their project."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111
    named = [home, Path("/tmp"), Path(tempfile.gettempdir())]
    return [place.resolve() for place in named if place.is_dir()]


def _parent(places: Sequence[Path]) -> Path:
    """Where the sandbox's folder is made: beside what scripts write, which layers can then cover.

    `/var/tmp` is meant for large files; `/tmp` may be memory.
    """
    candidates = [Path("/var/tmp"), Path(tempfile.gettempdir()), cache_folder()]
    candidates = [path for path in candidates if path.is_dir() and os.access(path, os.W_OK)]
    for candidate in candidates:
        real = candidate.resolve()
        if not any(is_within(str(real), str(place)) for place in places):
            return real
    return candidates[0] if candidates else Path.cwd()


def _new_folder(path: Path) -> Path:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists already. Give --keep a new folder.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}.") from error
    return path.resolve()


def _outermost(folders: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in sorted(set(folders), key=lambda path: len(path.parts)):
        if not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return found


def _moved(path: Path, trees: Sequence[Path], copies: Path) -> Path:
    """The same path in the copy of its tree; a path outside of all trees stays."""
    for number, tree in enumerate(trees):
        if path.is_relative_to(tree):
            return copies / str(number) / path.relative_to(tree)
    return path


def _ours(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(PREFIX)}


def _check_size(trees: Sequence[Path], place: Path) -> None:
    size = 0
    free = shutil.disk_usage(place).free * MOST_OF_DISK
    for tree in trees:
        for here, _, files in os.walk(tree):
            for name in files:
                with suppress(OSError):
                    size += Path(here, name).lstat().st_size
            if size > free:
                raise CannotRun(
                    f"{tree} is too large for a copy on {place}. Run the script in a folder of "
                    "its own, or where user namespaces are allowed."
                )
