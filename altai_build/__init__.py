"""altai-build: from a git superproject to a signed, verified, installable yum release."""

__version__ = "0.1.0"
