"""Spec files, read without running them (norpm) and by rpm in a sandbox."""
