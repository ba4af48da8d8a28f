"""Read, verify and compare published releases."""
