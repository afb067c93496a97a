"""What stands behind `lifesigns.watch`: one run that is watched, from its beginning to its end."""
