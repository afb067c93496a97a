"""The rules: each names a symptom it can prove from a trace. One file each, found by discovery.

A module of this package whose name does not start with an underscore is a rule; its module-level
`RULE` is everything there is to it. `judge` runs them all and puts the findings in order.
"""

from lifesigns.rules._engine import all_rules, find_rule, judge
from lifesigns.rules._rule import CAUSES, FAMILIES, Case, Rule, Threshold

__all__ = [
    "CAUSES",
    "FAMILIES",
    "Case",
    "Rule",
    "Threshold",
    "all_rules",
    "find_rule",
    "judge",
]
