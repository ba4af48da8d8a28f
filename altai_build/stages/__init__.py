"""One verb of release engineering per file; a stage never imports a stage."""
