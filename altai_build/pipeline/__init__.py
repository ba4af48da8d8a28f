"""The road as a table of contents: plan → srpm → build → sign → compose → verify → publish."""
