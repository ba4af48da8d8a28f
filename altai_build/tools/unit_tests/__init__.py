"""Programs that run unit tests, and what they print: one reader for each form."""
