"""Stacked networks in torch's batched operations."""
