"""Programs that do not learn for one known cause, and learn with `fixed=True`."""
