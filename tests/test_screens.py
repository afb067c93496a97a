"""What a person sees: at every width, without colour, on a dumb terminal, in ASCII, in a pipe."""

import os
import pty
import re
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from rich.cells import cell_len

from lifesigns.records import RunInfo
from lifesigns.rules import find_rule
from lifesigns.store import RunWriter

WIDTHS = (40, 60, 80, 120)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
CODE = re.compile(r"^ {2,}\S|[\w.]{20}|lifesigns |ssh ")
"""What may be longer than a line: code and names, which are not broken."""
CUT = re.compile(r"\w-?…(  |$)")
MOVES = re.compile(r"\x1b\[[0-9;]*[A-HJKf]")
"""Of the cursor."""
SCREENS = {
    "welcome": [],
    "help": ["--help"],
    "functions": ["functions"],
    "gelu": ["functions", "gelu"],
    "rules": ["rules"],
    "explain": ["explain"],
    "explain-rule": ["explain", "ACT001"],
    "mistake": ["explain", "backprob"],
    "compare": ["compare", "healthy.run", "dying.run"],
    "prove": ["prove", "train.py"],
    "live": ["live", "healthy.run", "--open"],
}
"""Those of runs stand on files that are written by hand, and the proof on trainings that never
were."""
PROGRAM = """
import fcntl, os, socket, struct, sys, termios
sys.path.insert(0, {here!r})
import lifesigns.live.door
import made
from lifesigns.cli import main
from lifesigns.commands import live, prove
from lifesigns.live.door import Door

class Listener(socket.socket):
    def getsockname(self):
        return "127.0.0.1", 8123

def end(address):
    raise KeyboardInterrupt

proof = made.proof(chosen=made.candidate(path=os.path.abspath("train.py")))
prove.planned = lambda *_, **__: proof.plan
prove.prove = lambda *_, **__: proof
live.listen, live.webbrowser.open, live.give_way = lambda *_: Listener(), end, lambda: None
live.Door = lambda host, port: Door(host, port, "x" * 32)
socket.gethostname, lifesigns.live.door._user = lambda: "gpu-box", lambda: "you"
for width in {widths!r}:
    if width:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    for given in {screens!r}:
        sys.argv = ["lifesigns", *given]
        try:
            main()
        except SystemExit:
            pass
        print("=" * 8, flush=True)
    print("#" * 8, flush=True)
"""
LOOKS = {
    "no-color": {"NO_COLOR": "1", "TERM": "xterm-256color"},
    "dumb": {"TERM": "dumb"},
    "c": {"NO_COLOR": "1", "TERM": "xterm", "LANG": "C", "PYTHONIOENCODING": "ascii"},
    "zh": {"NO_COLOR": "1", "TERM": "xterm-256color", "LANG": "zh_CN.UTF-8"},
}


def environment(**more):
    own = {"LANG", "COLUMNS", "TERM", "FORCE_COLOR"}
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k not in own}
    return {**kept, "LANG": "C.UTF-8", "XDG_CACHE_HOME": os.devnull, **more}


def program(*widths, screens=SCREENS):
    here = str(Path(__file__).parent)
    source = PROGRAM.format(screens=[*screens.values()], widths=widths, here=here)
    return [sys.executable, "-c", source]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With two runs and a script that is never run."""
    place = tmp_path_factory.mktemp("screens")
    (place / "train.py").write_text("import torch\n")
    cases = find_rule("dead-units").cases
    for name, fires in (("healthy", False), ("dying", True)):
        trace = next(case.trace() for case in cases if bool(case.fires) is fires)
        with RunWriter(place / f"{name}.run", RunInfo(f"train.py --name {name}")) as writer:
            for snapshot in trace.snapshots:
                writer.append(snapshot)
            writer.losses(trace.losses)
            writer.progress(trace)
            writer.finish((), "finished", cost=trace.cost, steps=trace.steps)
    return place


def on_terminal(look, folder):
    """The screens on a terminal, for each width."""
    ours, theirs = pty.openpty()
    chunks = []

    def read():
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    slow = ("prove",) if look is LOOKS["dumb"] else ()  # it imports torch, and shows no more
    screens = {name: given for name, given in SCREENS.items() if name not in slow}
    command = program(*WIDTHS, screens=screens)
    streams = {"stdout": theirs, "stderr": theirs, "stdin": theirs}
    subprocess.run(command, env=environment(**look), cwd=folder, **streams)
    os.close(theirs)
    reader.join()
    os.close(ours)
    text = b"".join(chunks).decode().replace("\r\n", "\n")
    return dict(zip(WIDTHS, text.split("########\n"), strict=False))


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(golden, folder, look):
    for width, text in on_terminal(LOOKS[look], folder).items():
        plain = ESCAPE.sub("", text)
        lines = plain.splitlines()

        golden(f"screens/{look}-{width}.txt", plain)
        wide = [line for line in lines if cell_len(line) > width and not CODE.search(line)]
        assert wide == []
        assert not any(CUT.search(line) for line in lines)
        assert look != "dumb" or not MOVES.search(text)
        assert look != "c" or text.isascii()


def test_a_pipe_gets_the_screens_of_80_columns_without_a_single_escape(golden, folder):
    command, options = program(0), {"capture_output": True, "text": True}
    done = subprocess.run(command, env=environment(), cwd=folder, **options)

    golden("screens/piped.txt", done.stdout)
    assert "\x1b" not in done.stdout
    assert done.stderr.startswith("lifesigns: There is no rule or topic 'backprob'.")


def test_no_number_of_the_catalogue_is_missing_when_it_is_narrow():
    folder = Path(__file__).parent / "golden/screens"
    narrow, wide = (
        (folder / f"no-color-{width}.txt").read_text(encoding="utf-8") for width in (40, 120)
    )
    tables = wide.split("=" * 8)[2]

    numbers = re.findall(r"-?\d+\.\d+", tables[: tables.index("Moments")])

    assert len(numbers) > 150
    assert [number for number in numbers if number not in narrow] == []
