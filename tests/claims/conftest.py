"""Quick results of claims, each of which runs when a test first asks for it."""

import pytest

from lifesigns.claims import Effort, find_claims, run_claims


class Results(dict):
    """What was found, by the name of the claim."""

    def __missing__(self, name):
        (self[name],) = run_claims(find_claims([name]), Effort(quick=True))
        return self[name]


@pytest.fixture(scope="session")
def results():
    return Results()
