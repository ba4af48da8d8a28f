"""Faults of the machine, injected into altai-build at any point, and what must hold afterwards; docs/reliability.md."""
