"""What is looked at in a pass beside its sites, each look by itself: none fails with another.

A look says what a graph must have for it to tell anything. Of graphs that are alike that is asked
once, so that a step pays for the looks that may find something in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from torch import nn

from lifesigns.record.graph.module_calls import Forward, ForwardHooks, Inputs
from lifesigns.record.graph.one_layer import same_answers, shares_layers
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.bootstrapped import may_bootstrap, own_answers
from lifesigns.record.loss.cancelled import cancelled, may_cancel
from lifesigns.record.loss.comparison import PendingMarks
from lifesigns.record.loss.cut_circle import cut_circle
from lifesigns.record.loss.degrees import degrees
from lifesigns.record.loss.episodes import may_weigh_rows, weights_of_rows
from lifesigns.record.loss.fed_answers import fed_answers, feeds_steps
from lifesigns.record.loss.first_nodes import first_nodes
from lifesigns.record.loss.hidden_words import hidden_words
from lifesigns.record.loss.integer_masks import integer_masks
from lifesigns.record.loss.inverted_mask import inverted_mask
from lifesigns.record.loss.last_inputs import compares_numbers, last_inputs
from lifesigns.record.loss.log_scales import may_scale
from lifesigns.record.loss.masked_entries import masked_entries
from lifesigns.record.loss.moves_along import may_move_along, moves_along
from lifesigns.record.loss.paired_rows import may_compare_rows, paired_rows
from lifesigns.record.loss.passed_columns import passed_columns
from lifesigns.record.loss.policies import unheld_actions
from lifesigns.record.loss.risk_sets_of_gone import may_add_up, risk_sets_of_gone
from lifesigns.record.loss.shared_rows import may_share_rows, shared_rows
from lifesigns.record.loss.shifted_twice import shifted_twice
from lifesigns.record.loss.taken_level import taken_level
from lifesigns.record.loss.told_in_place import told_in_place
from lifesigns.record.loss.unread_answers import UnreadAnswers
from lifesigns.record.loss.unread_heads import unread_heads
from lifesigns.record.measure.averages import Averages
from lifesigns.record.measure.blended_labels import blended_labels
from lifesigns.record.measure.coarse_weights import coarse_weights
from lifesigns.record.measure.dealt_out import dealt_out
from lifesigns.record.measure.missing_codes import missing_codes
from lifesigns.record.measure.read_columns import has_several_entries, read_columns
from lifesigns.record.measure.read_early import read_early, reads_places
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.rounded_columns import rounded_columns
from lifesigns.record.measure.row_scales import row_scales
from lifesigns.record.measure.run_over import run_over
from lifesigns.record.measure.same_states import may_compare_states, same_states
from lifesigns.record.measure.sorted_twice import has_orders, sorted_twice
from lifesigns.record.measure.standing_copies import StandingCopies
from lifesigns.record.measure.tails import tails
from lifesigns.record.measure.torn_edges import torn_edges
from lifesigns.record.measure.torn_heads import torn_heads
from lifesigns.record.measure.torn_pictures import torn_pictures
from lifesigns.record.measure.torn_signals import torn_signals
from lifesigns.record.measure.torn_states import may_tear_states, torn_states
from lifesigns.record.measure.torn_values import has_views, torn_values
from lifesigns.record.measure.turned_heads import has_constants, turned_heads
from lifesigns.record.measure.wrapped_levels import wrapped_levels

DATA_LOOKS = 8
"""Recorded passes, at each place of a cycle, after which the data are known."""

Found = dict[str, float] | PendingMarks | None
"""Details of the loss, known at once or still on the device; None for nothing."""


@dataclass(frozen=True)
class Seen:
    """A pass as the looks are given it."""

    pack: Pack
    """Where numbers wait for the copy."""
    walked: Walk
    condensed: Condensed
    forward: Forward
    ends: Inputs
    """What the root module was given and gave."""
    networks: list[nn.Module]
    """Those that are trained."""
    hooks: ForwardHooks

    @cached_property
    def ungraded(self) -> list[nn.Module]:
        """Modules that ran without gradients."""
        return self.hooks.ungraded.modules()


class Look(NamedTuple):
    """One look."""

    name: str
    """What is looked at, as a failure is told."""
    find: Callable[[Seen], Found]
    may_tell: Callable[[Walk], bool] | None = None
    """Whether operations, edges and parameters of a graph let it find anything; None for any."""


LOOKS = (
    Look("exchanged axes", lambda s: dealt_out(s.walked, s.condensed.site_of_node, s.ends.batch)),
    Look(
        "slices of the input",
        lambda s: read_columns(s.walked, s.condensed.site_of_node, s.ends.batch),
        has_several_entries,
    ),
    Look("heads of attention", lambda s: torn_heads(s.walked, s.condensed)),
    Look("last states", lambda s: torn_states(s.walked, s.condensed), may_tear_states),
    Look("views", lambda s: torn_values(s.walked, s.condensed), has_views),
    Look(
        "layers that are asked the same",
        lambda s: same_answers(s.walked, s.networks),
        shares_layers,
    ),
    Look("what cancels itself", lambda s: cancelled(s.walked, s.condensed), may_cancel),
    Look("samples", lambda s: unheld_actions(s.walked, s.hooks.samples.log_probabilities)),
    Look(
        "the last inputs",
        lambda s: last_inputs(s.pack, s.walked, s.ends.batch, s.ends.prediction),
        compares_numbers,
    ),
    Look(
        "targets on a circle",
        lambda s: cut_circle(s.pack, s.walked, s.ends.batch, s.ends.prediction),
        compares_numbers,
    ),
    Look(
        "targets in sequences",
        lambda s: told_in_place(s.pack, s.walked, s.condensed, s.ends.prediction),
        compares_numbers,
    ),
    Look("targets that move along", lambda s: moves_along(s.walked), may_move_along),
    Look("returns", lambda s: weights_of_rows(s.pack, s.walked, s.ends.batch), may_weigh_rows),
    Look(
        "columns",
        lambda s: passed_columns(s.pack, s.walked, s.ends.batch, s.condensed.weight_like),
        may_scale,
    ),
    Look(
        "states",
        lambda s: same_states(s.pack, s.walked, s.ends.batch, s.networks, s.hooks.ungraded.asked()),
        may_compare_states,
    ),
    Look(
        "own answers",
        lambda s: own_answers(s.pack, s.walked, s.networks, s.hooks),
        may_bootstrap,
    ),
    Look("pairs of rows", lambda s: paired_rows(s.pack, s.walked), may_compare_rows),
    Look(
        "risk sets",
        lambda s: risk_sets_of_gone(s.pack, s.walked, s.hooks.sorts),
        may_add_up,
    ),
    Look("parts of a container", lambda s: unread_heads(s.walked, s.condensed, s.forward)),
)
"""In each recorded pass."""

OF_DATA = (
    Look("tails of the inputs", lambda s: tails(s.pack, s.walked)),
    Look("rounded inputs", lambda s: rounded_columns(s.pack, s.ends.batch)),
    Look("levels of weights", lambda s: coarse_weights(s.pack, s.walked)),
    Look("codes among the inputs", lambda s: missing_codes(s.pack, s.walked, s.ends.batch)),
    Look("torn pictures", lambda s: torn_pictures(s.pack, s.walked, s.condensed.site_of_node)),
    Look("axes of signals", lambda s: run_over(s.pack, s.walked, s.condensed, s.ends.batch)),
    Look("torn signals", lambda s: torn_signals(s.pack, s.walked, s.condensed, s.ends.batch)),
    Look("what a mask leaves", lambda s: inverted_mask(s.pack, s.walked, s.ends.prediction)),
    Look(
        "levels of pictures",
        lambda s: wrapped_levels(s.pack, s.walked, s.condensed.site_of_node),
    ),
    Look("scales of rows", lambda s: row_scales(s.pack, s.walked)),
    Look(
        "levels of the rows",
        lambda s: taken_level(s.pack, s.walked, s.condensed, s.ends.batch, s.ends.prediction),
        compares_numbers,
    ),
    Look("integers as masks", lambda s: integer_masks(s.pack, s.walked)),
    Look("hidden words", lambda s: hidden_words(s.pack, s.walked)),
    Look("places of targets", lambda s: shifted_twice(s.pack, s.walked)),
    Look("borders of classes", lambda s: blended_labels(s.pack, s.walked)),
    Look("pairs of indices", lambda s: torn_edges(s.walked)),
    Look("minima behind masks", lambda s: masked_entries(s.pack, s.walked)),
    Look("ends of edges", lambda s: first_nodes(s.pack, s.walked)),
    Look("weights of edges", lambda s: degrees(s.pack, s.walked)),
    Look(
        "orders of rows",
        lambda s: sorted_twice(s.pack, s.walked, s.ends.batch),
        has_orders,
    ),
    Look("answers that are fed", lambda s: fed_answers(s.pack, s.walked), feeds_steps),
    Look("ends of sequences", lambda s: read_early(s.pack, s.walked), reads_places),
    Look("angles of heads", lambda s: turned_heads(s.pack, s.walked), has_constants),
    Look(
        "fields of one table",
        lambda s: shared_rows(s.pack, s.walked, s.ends.batch),
        may_share_rows,
    ),
)
"""In the first passes at each place of a cycle: what all batches of a run have in common."""


@dataclass
class Looks:
    """The looks of one run, with what some of them follow from pass to pass."""

    copies: StandingCopies = field(default_factory=StandingCopies)
    """Copies of a network that ran beside it."""
    averages: Averages = field(default_factory=Averages)
    """Averages of a network's weights that are kept beside it."""
    _unread: UnreadAnswers = field(default_factory=UnreadAnswers)
    _passes: Counter[int] = field(default_factory=Counter)
    """How many were looked at, by their place in a cycle."""

    def due(self, seen: Seen, position: int) -> Iterator[Look]:
        """The looks that may find something in a pass.

        Args:
            seen: The pass.
            position: Its number in its cycle.
        """
        in_each, of_data = _telling(seen)
        yield from in_each
        yield from self._following
        if self._passes[position] < DATA_LOOKS:
            self._passes[position] += 1
            yield from of_data

    @cached_property
    def _following(self) -> tuple[Look, ...]:
        return (
            Look("answers", lambda s: self._unread.look(s.walked, s.forward, s.hooks.ungraded)),
            Look("copies of the network", self._copies_that_ran),
            Look(
                "averages of its weights",
                lambda s: self.averages.look(s.pack, s.networks, s.ungraded),
            ),
        )

    def _copies_that_ran(self, seen: Seen) -> Found:
        outermost = [m for call in seen.forward.calls if not call.depth and (m := call.module())]
        return self.copies.run_in(seen.pack, seen.ungraded + outermost, seen.networks)


def _telling(seen: Seen) -> list[list[Look]]:
    """Those of `LOOKS`, and of `OF_DATA`, that a graph lets find anything; kept for alike ones."""
    kept = seen.condensed.kept_of_all_sizes
    if Look not in kept:
        tables = (LOOKS, OF_DATA)
        kept[Look] = [[one for one in table if _may_tell(one, seen.walked)] for table in tables]
    found: list[list[Look]] = kept[Look]
    return found


def _may_tell(look: Look, walked: Walk) -> bool:
    """Whether a look may find something; one that cannot say fails, alone, when it looks."""
    try:
        return look.may_tell is None or look.may_tell(walked)
    except Exception:
        return True
