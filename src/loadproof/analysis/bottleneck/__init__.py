"""Which resource ends the throughput, and on what evidence."""
