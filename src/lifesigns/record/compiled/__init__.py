"""Compiled code: what it does is noted without changing it, and repeated eagerly to be read."""
