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

WIDTHS = (40, 60, 80, 120)
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
CODE = re.compile(r"^ {2,}\S|[\w.]{20}|lifesigns ")
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
}
PROGRAM = """
import fcntl, struct, sys, termios
from lifesigns.cli import main
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


def program(*widths):
    source = PROGRAM.format(screens=[*SCREENS.values()], widths=widths)
    return [sys.executable, "-c", source]


def on_terminal(look):
    """The screens on a terminal, for each width."""
    ours, theirs = pty.openpty()
    chunks = []

    def read():
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    command = program(*WIDTHS)
    subprocess.run(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment(**look))
    os.close(theirs)
    reader.join()
    os.close(ours)
    text = b"".join(chunks).decode().replace("\r\n", "\n")
    return dict(zip(WIDTHS, text.split("########\n"), strict=False))


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(golden, look):
    for width, text in on_terminal(LOOKS[look]).items():
        plain = ESCAPE.sub("", text)
        lines = plain.splitlines()

        golden(f"screens/{look}-{width}.txt", plain)
        wide = [line for line in lines if cell_len(line) > width and not CODE.search(line)]
        assert wide == []
        assert not any(CUT.search(line) for line in lines)
        assert look != "dumb" or not MOVES.search(text)
        assert look != "c" or text.isascii()


def test_a_pipe_gets_the_screens_of_80_columns_without_a_single_escape(golden):
    done = subprocess.run(program(0), capture_output=True, text=True, env=environment())

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
