"""What benchmarks measure, made for them."""
