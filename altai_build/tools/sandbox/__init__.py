"""Sandboxes: bubblewrap, limits, overlays."""
