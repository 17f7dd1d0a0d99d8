"""Training that keeps the order: readers, the stage loop with its gates, signals, exports and the order probe."""
