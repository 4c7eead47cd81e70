"""Fixed-length text in generated pictures: one backbone, one head for each character position."""
