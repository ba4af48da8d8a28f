"""Downloads: files, releases of Python packages, slow and failing servers."""
