"""Whether one loss is computed through the network of another, as a generator's is."""

from __future__ import annotations

from lifesigns.evidence.stream import Stream
from lifesigns.records import Snapshot


def is_behind(critic: Stream, maker: Stream) -> bool:
    """Whether one loss goes through the other's network and more.

    A network's class stands in front of its names only when a second network is known.

    Args:
        critic: The loss of the network that judges.
        maker: The loss of what is judged.
    """
    judged, made = _weights(critic.last), _weights(maker.last)
    networks = {"", *(f"{name.partition('.')[0]}." for name in made)}
    return any({f"{network}{name}" for name in judged} < made for network in networks)


def _weights(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(name for site in snapshot.graph.sites for name in site.parameters)
