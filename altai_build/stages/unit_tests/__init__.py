"""The unit tests of components: which suite one has, the package that runs it, and its results."""
