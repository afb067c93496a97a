"""The rules: each names a symptom it can prove from a trace. One file each, found by discovery.

A module of this package whose name does not start with an underscore is a rule; its module-level
`RULE` is everything there is to it. The one exception is `testing`, by which rules write their
cases. Other distributions add theirs through entry points of the group `lifesigns.rules`. `judge`
runs them all and puts the findings in order.
"""

from lifesigns.evidence import Run, Stream, Threshold
from lifesigns.rules._discovery import all_rules, built_in_rules, find_rule
from lifesigns.rules._engine import judge
from lifesigns.rules._rule import CAUSES, CHINESE_FAMILIES, FAMILIES, Case, Chinese, Rule
from lifesigns.rules._selection import Judgement, Selection

__all__ = [
    "CAUSES",
    "CHINESE_FAMILIES",
    "FAMILIES",
    "Case",
    "Chinese",
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
