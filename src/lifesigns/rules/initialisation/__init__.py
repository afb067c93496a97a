"""Rules on initialisation: sizes of signals, symmetric units."""
