"""The pages of releases: one for each, and one for all."""
