"""Rules on data: inputs, targets and how they are served."""
