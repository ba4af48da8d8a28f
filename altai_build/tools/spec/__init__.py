"""Spec files: what they say, read without running them, and by rpm's rules."""
