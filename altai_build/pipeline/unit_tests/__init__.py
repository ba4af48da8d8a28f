"""Unit tests of components: which ones, with which packages, and what became of them."""
