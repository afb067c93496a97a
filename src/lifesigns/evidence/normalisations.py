"""What is known of the batch normalisations of a network."""

from __future__ import annotations

from lifesigns.records import Kind, Site, Snapshot


def momenta(snapshot: Snapshot) -> list[tuple[Site, float]]:
    """The share of the newest batch in the running statistics of each.

    Args:
        snapshot: Of one loss.
    """
    sites = (site for site in snapshot.graph.sites if site.kind is Kind.NORM)
    return [(site, site.details["momentum"]) for site in sites if "momentum" in site.details]
