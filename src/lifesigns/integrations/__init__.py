"""One file per thing lifesigns attaches to by itself."""
