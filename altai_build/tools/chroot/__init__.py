"""The embedded builder: buildroots and builds in them."""
