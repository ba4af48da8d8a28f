"""Dependency resolution by libsolv."""
