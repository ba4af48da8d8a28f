"""Coverage reports that test suites wrote: Cobertura XML, lcov tracefiles, Go cover profiles."""
