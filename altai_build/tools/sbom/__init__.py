"""Software bills of materials: CycloneDX, SPDX, package URLs."""
