"""How the recorder attaches itself to a run, and leaves it."""
