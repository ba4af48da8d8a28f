"""`python -m altai_build` is the console script."""

from __future__ import annotations

from altai_build.cli import main

if __name__ == "__main__":
    main()
