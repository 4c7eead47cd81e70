"""Signals that something is unusual: reasons to look, never verdicts."""
