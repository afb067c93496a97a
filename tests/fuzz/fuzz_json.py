"""Records as JSON, as stores and caches hold them: `python tests/fuzz/fuzz_json.py -n 100000`."""

import json
import zlib

import numpy as np
from driver import Target, main
from fuzz_run_file import GRAPH, changed

from lifesigns._errors import RunFileError
from lifesigns.records import Finding, Graph, Severity, SiteReading, Snapshot, from_json, to_json
from lifesigns.rules.testing import snapshot, sums
from lifesigns.store.packing import decompress

KINDS = (Snapshot, Graph, Finding)


def examples(_):
    values = sums(np.ones((3, 4)))
    finding = Finding("dead-units", "ACT001", Severity.ERROR, "s", "", 0, "m", "e", "c", "w")
    records = (snapshot(GRAPH, sites=[SiteReading(1, values)]), GRAPH, finding)
    return [json.dumps(to_json(record)).encode() for record in records]


def damage(random, data):
    """One or a few values exchanged."""
    value = json.loads(data)
    for _ in range(random.choice((1, 1, 3))):
        value = changed(random, value)
    return json.dumps(value).encode()


def read(data, _):
    kind = next(
        (k for k in KINDS if next(iter(k.__dataclass_fields__)).encode() in data[:30]), Graph
    )
    try:
        back = from_json(kind, decompress(zlib.compress(data)))
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        raise RunFileError(str(error) or "damaged") from error  # as the reader of run files does
    to_json(back)


TARGET = Target("json", examples, damage, read)

if __name__ == "__main__":
    main(TARGET)
