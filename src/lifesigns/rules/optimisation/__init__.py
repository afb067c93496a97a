"""Rules on optimisation: rates, gradients that pile up, modes, steps."""
