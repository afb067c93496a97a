"""One page for a run: the document it is drawn from, and its hosts."""
