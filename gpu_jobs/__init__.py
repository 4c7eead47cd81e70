"""Scoring methods that know neither Django nor Celery; see `contracts`, `runner`, `__main__`."""
