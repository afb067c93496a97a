"""Rules on activations: units that are dead, saturated or linear, and squashed outputs."""
