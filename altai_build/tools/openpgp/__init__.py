"""OpenPGP keys and signatures, by gpg and gpgv."""
