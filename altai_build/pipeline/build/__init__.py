"""Plan and build components."""
