"""Texts and pictures as vectors, by frozen models, each computed once (docs/lift.md, Encoders)."""
