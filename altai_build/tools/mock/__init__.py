"""mock: its configuration files and the builder that runs it."""
