"""Trains one program: `lifesigns run tests/cases/run.py small_lstm [--fixed] [--seed 0]`."""

import argparse

import faulty
import healthy
from program import programs_of


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--fixed", action="store_true", help="train the cured version")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    programs = {p.name: p for p in programs_of(healthy) + programs_of(faulty)}
    if arguments.name not in programs:
        parser.error(f"there is no program {arguments.name}; there are {', '.join(programs)}")
    program = programs[arguments.name]
    value = program.run(arguments.seed, **({"fixed": True} if arguments.fixed else {}))
    print(f"{program.measure}: {value:.4g} ({'learnt' if program.learnt(value) else 'not learnt'})")


if __name__ == "__main__":
    main()
