"""What only a demo can do: move its clock, and try to cheat it."""
