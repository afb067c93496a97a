"""What the commands do, one verb a file; `cli` parses their arguments."""
