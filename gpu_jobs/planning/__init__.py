"""Which item next, and whether it needs another answer."""
