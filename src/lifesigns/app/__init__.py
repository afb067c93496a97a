"""What a user opens after or beside a training: the report of a stored run."""
