"""Lift: what a group's data is worth to a model, with error bars (docs/lift.md)."""
