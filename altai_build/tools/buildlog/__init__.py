"""Build logs: read within limits, and the lines that say why a build failed."""
