"""C programs that are compiled where they run: by which compiler, and where they are kept."""

from lifesigns._programs.compiling import SHARED, compiled, compiler, reason, run
from lifesigns._programs.here import SWITCH, program_here
from lifesigns._programs.keeping import digest, keep, kept

__all__ = [
    "SHARED", "SWITCH", "compiled", "compiler", "digest", "keep", "kept", "program_here", "reason",
    "run",
]  # fmt: skip
