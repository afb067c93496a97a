"""Rules on loss and output: what the loss compares, and whether it falls."""
