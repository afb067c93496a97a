"""What the batches of a run have in common, in the first passes at each place of a cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from lifesigns.record.graph.module_calls import Inputs
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.comparison import PendingMarks
from lifesigns.record.loss.first_nodes import first_nodes
from lifesigns.record.loss.integer_masks import integer_masks
from lifesigns.record.loss.inverted_mask import inverted_mask
from lifesigns.record.loss.masked_entries import masked_entries
from lifesigns.record.loss.shifted_twice import shifted_twice
from lifesigns.record.measure.blended_labels import blended_labels
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.row_scales import row_scales
from lifesigns.record.measure.run_over import run_over
from lifesigns.record.measure.tails import tails
from lifesigns.record.measure.torn_edges import torn_edges
from lifesigns.record.measure.torn_pictures import torn_pictures
from lifesigns.record.measure.wrapped_levels import wrapped_levels

DATA_LOOKS = 8
"""Recorded passes, at each place of a cycle, after which the data are known."""


class DataLooks:
    """Looks at the data that the first layers are given, and that pick rows of what they make."""

    def __init__(self) -> None:
        self._looks = Counter[int]()

    def due(
        self, pack: Pack, walked: Walk, condensed: Condensed, ends: Inputs, position: int
    ) -> dict[str, Callable[[], PendingMarks | None]]:
        """The looks at a pass by their names; none once the data are known.

        Args:
            pack: Where the numbers wait for the copy.
            walked: The graph of a loss.
            condensed: Its sites.
            ends: What the root module was given and gave.
            position: Number of the pass in its cycle.
        """
        if self._looks[position] >= DATA_LOOKS:
            return {}
        self._looks[position] += 1
        sites = condensed.site_of_node
        return {
            "tails of the inputs": lambda: tails(pack, walked),
            "torn pictures": lambda: torn_pictures(pack, walked, sites),
            "axes of signals": lambda: run_over(pack, walked, condensed, ends.batch),
            "what a mask leaves": lambda: inverted_mask(pack, walked, ends.prediction),
            "levels of pictures": lambda: wrapped_levels(pack, walked, sites),
            "scales of rows": lambda: row_scales(pack, walked),
            "integers as masks": lambda: integer_masks(pack, walked),
            "places of targets": lambda: shifted_twice(pack, walked),
            "borders of classes": lambda: blended_labels(pack, walked),
            "pairs of indices": lambda: torn_edges(walked),
            "minima behind masks": lambda: masked_entries(pack, walked),
            "ends of edges": lambda: first_nodes(pack, walked),
        }
