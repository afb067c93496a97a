"""The alarms that each faulty program raises, the leading one first: `tests/golden/alarms.txt`.

They let a sample of the programs cover every rule without training any to find out. `--overwrite`
writes the file anew. Symptoms may differ on a processor that rounds otherwise, leading alarms may
not.
"""

from pathlib import Path

PATH = Path(__file__).parents[1] / "golden/alarms.txt"


def read():
    """The rules of each program's alarms."""
    lines = PATH.read_text(encoding="utf-8").splitlines()
    return {name: rules.split() for name, _, rules in (line.partition(":") for line in lines)}


def write(program, rules):
    """Replaces the line of one program."""
    known = {**read(), program: rules}
    lines = (f"{name}: {' '.join(known[name])}".rstrip() for name in sorted(known))
    PATH.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
