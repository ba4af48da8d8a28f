"""One source package → binary packages: a build looked up, reused or run, checked and recorded."""
