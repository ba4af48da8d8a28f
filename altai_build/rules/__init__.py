"""What must hold of a release, read from its folder alone; one family of rules per file."""
