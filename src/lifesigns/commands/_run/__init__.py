"""What stands around a watched script: its signals, its streams, the delivery of its report."""
