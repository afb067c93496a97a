"""All fuzzers: `python tests/fuzz -n 100000`."""

from driver import main
from targets import TARGETS

if __name__ == "__main__":
    main(*TARGETS)
