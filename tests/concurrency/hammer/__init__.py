"""Clients that do everything at once to one marketplace, and the proof that no cent was lost."""
