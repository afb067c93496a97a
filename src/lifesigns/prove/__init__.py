"""Trials of remedies. So far: a sandbox, an arm trained in it, and whether an arm repeats a run."""
