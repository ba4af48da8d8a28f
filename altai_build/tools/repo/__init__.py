"""yum repositories: metadata, mirrors, dnf configuration."""
