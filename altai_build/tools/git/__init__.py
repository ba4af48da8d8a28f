"""git: commands, objects, revisions, the superproject, tags and archives."""
