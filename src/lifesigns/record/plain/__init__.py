"""The hot half of a stretch: what is done in each plain cycle, in C where there is a compiler."""

from lifesigns.record.plain.building import plain_cycles
from lifesigns.record.plain.by_python import PLAIN_DTYPES, Host, PlainCycles

__all__ = ["PLAIN_DTYPES", "Host", "PlainCycles", "plain_cycles"]
