"""What the commands do: the demonstration, and the report of a stored run."""
