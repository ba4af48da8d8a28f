"""The built-in builder: buildroots, and builds in them."""
