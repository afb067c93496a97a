"""Programs that look unusual and learn: lifesigns must give no warning and no error."""
