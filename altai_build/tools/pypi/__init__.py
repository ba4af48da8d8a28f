"""Python distributions: what they require, and which versions of them fit together for an interpreter."""
