"""The rules: each names a symptom it can prove from a trace. One file each, found by discovery.

They lie in folders by family; every module there is a rule, and its module-level `RULE` is
everything there is to it. `testing` is how rules write their cases. Other distributions add theirs
through entry points of the group `lifesigns.rules`. `judge` runs them all and puts the findings in
order.
"""

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.rules._discovery import all_rules, built_in_rules, find_rule
from lifesigns.rules._engine import judge
from lifesigns.rules._rule import CAUSES, FAMILIES, Case, Rule
from lifesigns.rules._selection import Judgement, Selection

__all__ = [
    "CAUSES",
    "FAMILIES",
    "Case",
    "Judgement",
    "Rule",
    "Run",
    "Selection",
    "Stream",
    "Threshold",
    "all_rules",
    "built_in_rules",
    "find_rule",
    "judge",
]
