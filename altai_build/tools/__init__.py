"""The hands: one foreign program or library per file, and that file its only importer."""
