"""Diversity and contamination of what contributors hand in (docs/lift.md, Diversity)."""
