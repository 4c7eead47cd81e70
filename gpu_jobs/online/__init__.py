"""One new answer updates what it touches; the full run stays the truth."""
