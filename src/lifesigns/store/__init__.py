"""One file per run: a `RunWriter` fills it while training, `read_run` opens it as a trace.

`read_snapshots` and `read_progress` read one that is too long for memory, piece by piece.

The file is described in docs/run-file.md. A store takes records in and gives the same records back;
what they mean is the business of the rules and the report.
"""

from lifesigns.store.reader import read_findings, read_progress, read_run, read_snapshots
from lifesigns.store.writer import RunWriter
from lifesigns.store.writing import as_left

__all__ = ["RunWriter", "as_left", "read_findings", "read_progress", "read_run", "read_snapshots"]
