"""RPM packages: headers, signatures, rpmbuild."""
