"""Members, populations and work units, and the processes that train them."""
