"""The command line: one command per file; main.py starts them."""
