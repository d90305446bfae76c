"""One decoded token as one compiled function: products, attention and norms of all layers, on all threads at once."""
