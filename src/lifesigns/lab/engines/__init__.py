"""What trains stacked networks: torch's batched operations, or a C program."""
