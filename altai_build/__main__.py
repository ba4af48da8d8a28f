"""`python -m altai_build`: the same as the `altai-build` command."""

from __future__ import annotations

from altai_build.cli.main import main

if __name__ == "__main__":
    main()
