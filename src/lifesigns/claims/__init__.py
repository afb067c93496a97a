"""The textbook's sentences as experiments: each ends in a verdict with numbers.

A *claim* is one sentence, where it stands, what was published about it, an experiment on real data
or an exact calculation, and what the experiment must show. Its verdict follows from the
measurements alone: `reproduced` if all of them hold, `not here` if none does, `partly` between. A
claim that does not hold is a finding and is reported as such.

Adding one takes a file with a `CLAIM` in this package, and a line in the changelog.
"""

from lifesigns.claims._claim import Claim, Effort, Measurement, Result, Verdict
from lifesigns.claims._engine import Done, all_claims, find_claims, run_claims

__all__ = [
    "Claim",
    "Done",
    "Effort",
    "Measurement",
    "Result",
    "Verdict",
    "all_claims",
    "find_claims",
    "run_claims",
]
