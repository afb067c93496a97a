"""A copy of lifesigns to add things to, and Python that imports it: to see what that touches."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lifesigns


class Copy:
    """The sources of lifesigns under `root`, and what is kept between runs beside them."""

    def __init__(self, root):
        self.package = root / "lifesigns"
        self._own = {"PYTHONPATH": str(root), "XDG_CACHE_HOME": str(root / "cache")}
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(lifesigns.__file__).parent, self.package, ignore=ignored)

    def append(self, file, text):
        """Puts text at the end of a file of the package, which may be a new one."""
        with (self.package / file).open("a", encoding="utf-8") as opened:
            opened.write(text)

    def replace(self, file, old, new):
        """Replaces a text of a file, which has to be there once."""
        text = (self.package / file).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self.package / file).write_text(text.replace(old, new), encoding="utf-8")

    def python(self, *arguments, code=0):
        """What `python ARGUMENTS` prints, on both streams; it has to end with this exit code."""
        ended = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env=os.environ | self._own,
            capture_output=True,
            text=True,
            timeout=300,
        )
        told = ended.stdout + ended.stderr
        assert ended.returncode == code, told
        return told

    def passed(self, suite, named):
        """Names of the tests of a file that are about what is `named`; all have to pass."""
        path = Path(__file__).parent / suite
        told = self.python(
            "-m", "pytest", "-n0", "-rA", "-p", "no:cacheprovider", "-k", named, path
        )
        return [line for line in told.splitlines() if line.startswith("PASSED ")]
