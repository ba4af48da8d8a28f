"""Builds on other machines: Dask's scheduler hands out tasks, files travel between the run and its workers."""
