"""`lifesigns ARGUMENTS` in a process of its own, without paying for the import of torch each time.

A server imports torch once and forks itself for each call. The child does what
`python -m lifesigns ARGUMENTS` does, and ends as that process would.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = """
import gc, json, os, runpy, signal, sys
import lifesigns.cli, lifesigns.commands.run, lifesigns.commands.lab, lifesigns.watch
import torch._dynamo  # which the first step of an optimizer imports

gc.freeze()  # what is here never becomes garbage: no child need look at it

for line in iter(sys.stdin.readline, ""):
    arguments, folder, streams, timeout = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate(streams):
            os.dup2(os.open(path, os.O_RDWR), number)
        os.chdir(folder)
        signal.alarm(timeout)
        sys.stdin, sys.argv, sys.path[0] = open(0), ["lifesigns", *arguments], folder
        runpy.run_module("lifesigns", run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Server:
    """Forks processes of `lifesigns`, one after the other."""

    def __init__(self, folder):
        self._streams = [folder / name for name in ("stdin", "stdout", "stderr")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, "-c", SERVER], **pipes)

    def __call__(self, *arguments, cwd=None, input="", timeout=120):
        """What `subprocess.run` returns for `lifesigns ARGUMENTS`; -14 is the timeout's code."""
        arguments = [str(argument) for argument in arguments]
        for path, text in zip(self._streams, (input, "", ""), strict=True):
            path.write_text(text)
        request = [arguments, str(cwd or Path.cwd()), [*map(str, self._streams)], timeout]
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        _, out, err = (path.read_text() for path in self._streams)
        return subprocess.CompletedProcess(arguments, code, out, err)

    def close(self):
        self._process.communicate()


@pytest.fixture(scope="session")
def forked(tmp_path_factory):
    """Runs `lifesigns ARGUMENTS`: `forked("run", "train.py", cwd=tmp_path).returncode`."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    server = Server(tmp_path_factory.mktemp("forked"))
    yield server
    server.close()
