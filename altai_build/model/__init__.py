"""The words of the domain: frozen records and pure functions, importing nothing above them."""
