"""Suggestions by a model that learned from accepted answers."""
