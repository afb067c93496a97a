"""What is to be compared: factorial designs, their options, the user's own modules."""
