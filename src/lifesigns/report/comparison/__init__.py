"""Two runs side by side: traces and findings in, text, JSON or a page out.

`compare` makes a `Comparison` of each run with the first; `terminal` and `as_json` show it. What it
holds, and where that is made:

- `divergence`: the first step and place at which the runs differ, in the order of cause.
- `changes`: findings gone, new and same.
- `ladder`: the last recorded step layer by layer.
- `settings`: command line, optimizer, rates, versions.
- `curves`: the losses at the same steps or samples.
"""

from lifesigns.report.comparison._comparison import Comparison, Side, compare

__all__ = ["Comparison", "Side", "compare"]
