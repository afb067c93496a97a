"""When to record, when a step is over, and what is kept of every step."""
